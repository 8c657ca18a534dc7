"""Rows on runs that cannot disturb each other: several commands on one BUILD, and commands that are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.common import command
from benchmarks.results import Row
from benchmarks.trust.commands import COUNTS, PACKAGES, REFUSED, Place
from spikewright.scratch import PREFIX

COMMAND = command("undisturbed")
#: How often.
MIXES, KILLS = 50, 60
#: Wall seconds after which no more is begun.
LIMIT = 1500.0
KILLED = ("generate", "simulate", "compare", "synthesize", "demo", "compress")
#: Marks the processes of a kill, and those that they start.
MARK = "SPIKEWRIGHT_MARK"


def rows(mixes: int = MIXES, kills: int = KILLS) -> list[Row]:
    """Both rows, in a folder of their own with a cache of simulators of its own."""
    with tempfile.TemporaryDirectory(prefix="spikewright-trust-") as folder:
        place = Place(Path(folder) / "place")
        place.prepare()
        return [_mixes(place, mixes), _kills(place, kills)]


def _mixes(place: Place, count: int) -> Row:
    rng, start = random.Random(1), time.monotonic()
    wrong, refused, done, ran = [], 0, 0, Counter[str]()
    while done < count and time.monotonic() - start < LIMIT:
        commands = []
        place.fresh(rng.choice(PACKAGES))
        for _ in range(rng.choice((2, 4))):
            name = rng.choice(("compare", "compare", "simulate", "generate", "synthesize", "demo"))
            what = rng.choice(PACKAGES) if name in ("generate", "demo") else rng.choice(COUNTS)
            commands.append((place.words(name, what), rng.uniform(0.0, 4.0)))
        problems, again = _together(place, commands)
        wrong += [f"mix {done}: {problem}" for problem in problems]
        refused, done = refused + again, done + 1
        ran.update(words[3] for words, _ in commands)
        print(f"  mix {done} of {count}: {[w[3] for w, _ in commands]}: {problems or 'right'}", flush=True)
    note = f"{sum(ran.values())} commands ({dict(ran)}), {refused} refused by the lock; {'; '.join(wrong[:3])}"
    return Row("trust.together", COMMAND, f"{done - len({w.split(':')[0] for w in wrong})}/{done}",
               "mixes of two or four commands on one BUILD, all right or refused by the lock", "50 of 50",
               not wrong and done >= MIXES, "1", note)  # fmt: skip


def _together(place: Place, commands: list[tuple[list[str], float]]) -> tuple[list[str], int]:
    """Start commands at their times; what was wrong, and how many were refused by the lock."""
    begin, running = time.monotonic(), []
    for words, delay in sorted(commands, key=lambda pair: pair[1]):
        time.sleep(max(0.0, begin + delay - time.monotonic()))
        running.append((words, place.start(words)))
    problems, refused = [], 0
    for words, process in running:
        out, err = process.communicate(timeout=600)
        refused += bool(REFUSED.search(err))
        if problem := place.wrong(words, process.returncode, out, err):
            problems.append(problem)
    if problem := place.wrong_build():
        problems.append(problem)
    return problems, refused


def _kills(place: Place, count: int) -> Row:
    rng, start = random.Random(2), time.monotonic()
    wrong, done, hit = [], 0, Counter[str]()
    expected = {name: _result(place, name) for name in KILLED}
    while done < count and time.monotonic() - start < LIMIT:
        name, victim = KILLED[done % len(KILLED)], rng.choice(("SIGTERM", "SIGKILL", "child"))
        problem, moment = _kill(place, name, victim, rng.uniform(0.3, expected[name][1]), rng, expected[name][0])
        again, _ = _result(place, name, clean=False)
        if problem is None and again != expected[name][0]:
            problem = f"other bytes afterwards: {sorted(set(again.items()) ^ set(expected[name][0].items()))[:3]}"
        if problem is None and (left := _left(place)):
            problem = f"left after the next command: {left}"
        if problem:
            wrong.append(f"{name}, {victim} at {moment:.1f} s: {problem}")
        hit[victim] += 1
        done += 1
        print(f"  kill {done} of {count}: {name}, {victim} at {moment:.1f} s: {problem or 'right'}", flush=True)
    note = f"{dict(hit)}, each of {', '.join(KILLED)}; {'; '.join(wrong[:3])}"
    return Row("trust.kills", COMMAND, f"{done - len(wrong)}/{done}",
               "commands killed at random moments: no process left, and the same bytes afterwards", "60 of 60",
               not wrong and done >= KILLS, "2", note)  # fmt: skip


def _result(place: Place, name: str, *, clean: bool = True) -> tuple[dict[str, bytes], float]:
    """What a command leaves, but for its times, and how long it takes; clean: from where all begin."""
    if clean:
        _begin(place, name)
    start = time.monotonic()
    process = place.start(_words(place, name), **_cache(place, name))
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, (name, out, err)
    return _bytes(place), time.monotonic() - start


def _begin(place: Place, name: str) -> None:
    place.fresh(PACKAGES[1] if name in ("generate", "demo") else PACKAGES[0])
    shutil.rmtree(place.folder / "run", ignore_errors=True)
    shutil.rmtree(place.folder / "cold", ignore_errors=True)


def _words(place: Place, name: str) -> list[str]:
    return place.words(name, PACKAGES[0] if name in ("generate", "demo") else 5)


def _cache(place: Place, name: str) -> dict[str, str]:
    """``simulate`` builds its simulator each time, so that kills meet that, too."""
    return {"SPIKEWRIGHT_BUILDS": str(place.folder / "cold")} if name == "simulate" else {}


def _bytes(place: Place) -> dict[str, bytes]:
    folders = (place.build, place.folder / "run")
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "timing.json")
    named = {str(path.relative_to(place.folder)): path for path in files}
    # Folders of a command that is killed hard go with the next command: ``_left`` looks for them. What tells of a
    # failed run, ``failed.log`` and ``synthesis-failed``, stays until the next failure.
    return {name: path.read_bytes() for name, path in named.items() if "/." not in f"/{name}" and "failed" not in name}


def _left(place: Place) -> list[str]:
    """Temporary files and folders."""
    return [str(path.relative_to(place.folder)) for path in place.folder.rglob("*")
            if path.name.startswith(PREFIX) or path.name.endswith(".part")]  # fmt: skip


def _kill(
    place: Place, name: str, victim: str, moment: float, rng: random.Random, whole: dict[str, bytes]
) -> tuple[str | None, float]:
    """Start a command, kill it or one of its programs, and wait for the end of all; what was wrong, and when it was.

    whole: what the command leaves where it is not killed; a late kill may find it there.
    """
    _begin(place, name)
    before, mark = _bytes(place), f"{os.getpid()}-{rng.random()}"
    process = place.start(_words(place, name), **{MARK: mark}, **_cache(place, name))
    start = time.monotonic()
    time.sleep(moment)
    if victim == "child":
        while not (programs := [n for n in _marked(mark) if n != process.pid]) and process.poll() is None:
            time.sleep(0.02)
        for number in programs[:1]:
            _signal(rng.choice(programs) if programs else number, signal.SIGKILL)
    else:
        _signal(process.pid, getattr(signal, victim))
    moment = time.monotonic() - start
    if victim == "child":
        process.communicate(timeout=600)
    else:
        process.communicate(timeout=5)
    end = time.monotonic() + 5
    while running := _marked(mark):
        if time.monotonic() > end:
            return f"{len(running)} processes are left", moment
        time.sleep(0.05)
    if victim == "SIGTERM" and (left := _left(place)):
        return f"left at once: {left}", moment
    if process.returncode and name in ("simulate", "compare", "synthesize", "generate"):
        after = _bytes(place)
        if after not in (before, whole):
            return f"the BUILD changed: {sorted(set(after) ^ set(before))[:3]}", moment
    return None, moment


def _signal(number: int, name: int) -> None:
    try:
        os.kill(number, name)
    except ProcessLookupError:
        return


def _marked(mark: str) -> list[int]:
    """Processes that carry the mark in their environment, and that run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            if alive and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
