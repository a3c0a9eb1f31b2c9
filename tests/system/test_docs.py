# SPDX-License-Identifier: Apache-2.0
"""README.md and the manual pages against the programs.

Blocks of README.md that begin with ```sh run are run, in order, in one shell, in the checkout:
the folder /tmp/serasi-try, the ports 7021 and 7022 and build/bin are replaced. Manual pages
must format without a warning, and speak of commands, options and keys that exist, and of all of
them.
"""
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

from cluster import BIN, PATIENCE, main, reserve_port

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PAGES = ("serasid.8", "serasid.conf.5", "serasictl.1")


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
        return f.read()


def run(program, *args):
    return subprocess.run([os.path.join(BIN, program), *args], text=True, capture_output=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL)


def help_of(*command):
    p = run(*command, "--help")
    assert p.returncode == 0, f"{' '.join(command)} --help: exit {p.returncode}"
    return p.stdout


def options_in(text):
    """--long and -s, as words of their own."""
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-zA-Z])(?![\w-])", text))


def page(name):
    """The source of a manual page as plain text: no macros, fonts and escapes."""
    lines = []
    for line in read("daemon", name).splitlines():
        if line.startswith('.\\"'):
            continue
        line = re.sub(r'^\.(TP|TQ|PP|nf|fi|br)\b', "", line)
        line = re.sub(r"^\.(B|I|SH)\s+", "", line)
        alternating = re.match(r"^\.(BI|BR|IB|IR|RB|RI)\s+(.*)", line)
        if alternating:  # fonts take turns, without a blank between
            words = re.findall(r'"((?:[^"])*)"|(\S+)', alternating.group(2))
            line = "".join(a or b for a, b in words)
        line = re.sub(r"\\f(\(..|.)", "", line)
        lines.append(line.replace("\\-", "-").replace("\\e", "\\").replace("\\(aq", "'"))
    return "\n".join(lines)


def examples(name):
    """The .nf blocks of a page's EXAMPLE sections, as they are shown."""
    source = read("daemon", name)
    section = re.search(r"^\.SH EXAMPLES?\n(.*?)(?=^\.SH |\Z)", source, re.S | re.M)
    blocks = re.findall(r"^\.nf\n(.*?)^\.fi", section.group(1) if section else "", re.S | re.M)
    return ["".join(x for x in block.splitlines(True) if not x.startswith("."))
            .replace("\\-", "-").replace("\\e", "\\").replace("\\(aq", "'") for block in blocks]


def commands():
    """Commands of serasictl: name -> options it takes, global ones included."""
    text = help_of("serasictl")
    names = re.findall(r"^  ([a-z]+) ", text, re.M)
    assert len(names) > 15, text
    everywhere = options_in(text) | {"--help", "-h"}
    return {n: everywhere | options_in(help_of("serasictl", n)) for n in names}


# --- README ------------------------------------------------------------------------------------------

def alive(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def shell(script, folder):
    """Runs it in a session of its own. Returns exit status, output, whether programs were left."""
    with open(os.path.join(folder, "output"), "w+", encoding="utf-8") as output:
        # a file, not a pipe: a broker that is left running would hold that open
        p = subprocess.Popen(["sh", "-eux", "-c", script], cwd=SOURCE, stdin=subprocess.DEVNULL,
                             stdout=output, stderr=output, start_new_session=True,
                             env={**os.environ, "HOME": folder})
        try:
            code = p.wait(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            code = "none, it does not come to an end"
        left = alive(p.pid)
        if left:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        output.seek(0)
        return code, output.read(), left


def the_blocks_of_the_readme_run_in_order():
    blocks = re.findall(r"^```sh run\n(.*?)^```", read("README.md"), re.S | re.M)
    assert len(blocks) >= 4, "README.md has no blocks that begin with ```sh run"
    folder = tempfile.mkdtemp(prefix="sd-")
    script = "\n".join(blocks).replace("/tmp/serasi-try", folder + "/try")
    script = script.replace("$PWD/build/bin", shlex.quote(BIN))
    reserved = {port: reserve_port() for port in ("7021", "7022")}
    for port, s in reserved.items():
        assert port in script
        script = script.replace(port, str(s.getsockname()[1]))
    try:
        code, out, left = shell(script, folder)
        assert code == 0, f"exit {code}:\n{out[-3000:]}"
        assert not left, "the blocks leave a program running"
        assert not os.path.exists(folder + "/try"), "the blocks leave their folder behind"
        for word in ("ACCEPTED", "COLLECTED", "uplink"):
            assert word in out, f"no {word} in what the blocks print:\n{out}"
    finally:
        for s in reserved.values():
            s.close()
        shutil.rmtree(folder, ignore_errors=True)


def the_readme_names_only_files_that_exist():
    text = read("README.md")
    tops = "daemon|include|proto|src|systemd|tests"
    paths = re.findall(rf"(?:`|\]\(|sh )((?:{tops})/[\w./-]*)", text)
    assert len(paths) > 40
    missing = [p for p in paths if not os.path.exists(os.path.join(SOURCE, p))]
    # build/tests and the like are not in the checkout; "daemon/ctl-*.c" is cut at the star.
    missing = [p for p in missing if not p.endswith("ctl-")]
    assert not missing, f"no such file: {missing}"


def the_readme_names_the_events_of_the_catalog_and_the_packages_of_the_build():
    text = read("README.md")
    for catalog in ("serasid.catalog", "serasid.id.catalog"):
        events = set(re.findall(r"^# ([A-Z_]+)$", read("systemd", catalog), re.M))
        section = text[text.index("| about | events |"):text.index("Look after `DEAD_LETTER`")]
        named = set(re.findall(r"`([A-Z_]+)`", section))
        assert events == named, f"{catalog} and README.md differ: {sorted(events ^ named)}"
    packages = re.search(r'PACKAGES_BUILD="([^"]*)"', read("daemon", "packages.sh")).group(1).split()
    line = re.search(r"sudo apt install ((?:.*\\\n)*.*)", text).group(1).replace("\\\n", " ").split()
    assert sorted(packages) == sorted(line), f"differ: {sorted(set(packages) ^ set(line))}"


def the_readme_speaks_of_commands_and_options_that_exist():
    known, text = commands(), read("README.md").replace("\\\n", " ")
    for line in re.findall(r"\bserasictl( [^`\n;|]*)", text):
        words = [w.strip("()\"'") for w in line.split()]
        while words and words[0] == "--dir":
            words = words[2:]
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            continue  # prose: "serasictl." or "serasictl, or"
        assert words[0] in known, f"serasictl {words[0]}: no such command"
        extra = options_in(" ".join(words).split(" --broker-key")[0]) - known[words[0]]
        assert not extra, f"serasictl {words[0]} has no {extra}"


# --- manual pages ------------------------------------------------------------------------------------

def every_page_formats_without_a_warning():
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""}
    for name in PAGES:
        path = os.path.join(SOURCE, "daemon", name)
        for command in (["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", path],
                        ["groff", "-ww", "-z", "-k", "-man", "-Tutf8", path]):
            p = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE,
                               stdin=subprocess.DEVNULL, env=env)
            assert p.returncode == 0 and p.stderr == "", f"{' '.join(command)}: {p.stderr}"


def the_manual_knows_every_command_and_option_and_no_others():
    known, text = commands(), page("serasictl.1")
    every = set().union(*known.values())
    tags = set(re.findall(r"[a-z]+", " ".join(re.findall(
        r"^\.T[PQ]\n\.\w+ (.*)", read("daemon", "serasictl.1"), re.M))))
    for name, options in known.items():
        assert name in tags, f"serasictl.1 has no paragraph about {name}"
        missing = options - options_in(text) - {"-h"}
        assert not missing, f"serasictl.1 says nothing about {name} {sorted(missing)}"
    extra = options_in(text) - every
    assert not extra, f"serasictl.1 has options that do not exist: {sorted(extra)}"
    daemon = options_in(help_of("serasid"))
    named = options_in(page("serasid.8"))
    assert daemon <= named, f"serasid.8 says nothing about {sorted(daemon - named)}"
    extra = named - daemon - every - {"-x", "-u"}  # journalctl's
    assert not extra, f"serasid.8 has options that do not exist: {sorted(extra)}"
    for name in PAGES:
        for word in re.findall(r"\bserasictl ([a-z]+)", page(name).replace("serasictl -", "")):
            # "read by serasictl only" is prose
            assert word in known or word == "only", f"{name}: serasictl {word}: no such command"


def the_examples_of_the_manual_are_right():
    known, n = commands(), 0
    for name in PAGES:
        for block in examples(name):
            if re.search(r"^\[[a-z]+\]$", block, re.M):
                the_configuration_is_fine(name, block)
                n += 1
                continue
            for line in block.replace("\\\n", " ").splitlines():
                words = re.sub(r"^\s*[$#] ", "", line).strip().split()
                if words[:1] == ["serasid"]:
                    extra = options_in(line) - options_in(help_of("serasid"))
                    assert not extra, f"{name}: {line}: {extra}"
                    n += 1
                if words[:1] != ["serasictl"]:
                    continue
                words = words[1:]
                while words[0] == "--dir":
                    words = words[2:]
                assert words[0] in known, f"{name}: {line}: no such command"
                extra = options_in(line) - known[words[0]]
                assert not extra, f"{name}: {line}: no such option: {extra}"
                n += 1
    assert n >= 2, "the pages have no examples"


def the_configuration_is_fine(name, text):
    with tempfile.TemporaryDirectory(prefix="sd-") as folder:
        path = os.path.join(folder, "serasid.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        p = run("serasid", "--config", path, "--print-config")
        assert p.returncode == 0, f"{name}: example: exit {p.returncode}\n{p.stderr}"


def every_key_of_the_configuration_has_its_paragraph():
    key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    hub = "JxQ0xZVtPjT9GzRHV1yXqzGxkXjYVYyPnmRzSJ1u2mE="
    printed = set()
    with tempfile.TemporaryDirectory(prefix="sd-") as folder:
        for role, more in (
                ("regional", f"[listen]\nendpoint = tcp://127.0.0.1:7021\n"
                             f"next-endpoint = tcp://127.0.0.1:7023\nnext-key-file = next\n"
                             f"[parent]\n"
                             f"endpoint = tcp://127.0.0.1:7022\nkey = {key}\n"
                             f"[directory]\nhub-key = {hub}\n"),
                ("client", f"[connection]\nendpoint = tcp://127.0.0.1:7021\nkey = {key}\n"
                           f"hub-key = {hub}\n")):
            path = os.path.join(folder, role + ".conf")
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"[node]\nid = upt/satria\nrole = {role}\n{more}")
            p = run("serasid", "--config", path, "--print-config")
            assert p.returncode == 0, p.stderr
            printed |= keys_in(p.stdout, r"^([a-z-]+) =")
    assert len(printed) > 40, printed
    described = keys_in(read("daemon", "serasid.conf.5").replace("\\-", "-")
                        .replace(".SH [", "["), r"^\.TP\n\.B ([a-z-]+)$")
    commented = keys_in(read("daemon", "serasid.conf"), r"^#?([a-z-]+) =")
    for name, keys in (("serasid.conf.5", described), ("serasid.conf", commented)):
        assert keys == printed, f"{name} and --print-config differ: {sorted(keys ^ printed)}"


def keys_in(text, pattern):
    """(section, key) of all that stands under a line [section]."""
    found = set()
    parts = re.split(r"^\[([a-z]+)\]$", text, flags=re.M)
    for section, body in zip(parts[1::2], parts[2::2]):
        body = re.split(r"^\.SH ", body, flags=re.M)[0]
        found |= {(section, k) for k in re.findall(pattern, body, re.M)}
    return found


if __name__ == "__main__":
    main([
        the_blocks_of_the_readme_run_in_order,
        the_readme_names_only_files_that_exist,
        the_readme_names_the_events_of_the_catalog_and_the_packages_of_the_build,
        the_readme_speaks_of_commands_and_options_that_exist,
        every_page_formats_without_a_warning,
        the_manual_knows_every_command_and_option_and_no_others,
        the_examples_of_the_manual_are_right,
        every_key_of_the_configuration_has_its_paragraph,
    ])
