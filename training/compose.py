"""Composes labelled telephone calls for training and measuring the ear: `python3 training/compose.py --help`.

Needs numpy, sox with all its formats, opusdec and, the first time, apt-get and dpkg-deb: the voices and the music come
from Debian packages fetched by name into the cache folder. Writes 8 kHz mono 16-bit WAVs, labels.json (the form that
`callprobe bench hearing DIR` reads) and SOURCES.md. The same seed and packages give the same calls.
"""

import argparse
import json
import re
import shutil
import sys
import wave
from collections import Counter
from pathlib import Path

import numpy as np

from sounds import RATE, Source, Trouble, a_law, cadence, concealed, db, envelope, gain, mu_law, speech, tones

# Kinds of calls and their share in a hundred.
KINDS = [("agent", 65), ("direct", 8), ("noagent", 14), ("vm", 5), ("busy", 5), ("bot", 3)]
# How often the live agent is one of the few who speak Korean.
KOREAN_SHARE = 0.3


class Center:
    """What stays the same from call to call: prompts, music, levels and habits."""

    def __init__(self, name, voice, lines, titles, source, random):
        self.name, self.voice, self.source = name, voice, source
        self.lines = lines
        self.pitch = str(int(random.integers(-9, 10)) * 15)
        self.codec = str(random.choice(["a", "u"]))
        self.gain = random.uniform(-4, 4)
        self.floor = random.choice([None, -75.0, -68.0])
        self.babble_snr = round(float(random.uniform(14, 30)), 1)
        self.level = {"prompt": random.uniform(-26, -20), "music": random.uniform(-30, -22),
                      "agent": random.uniform(-28, -21), "ring": random.uniform(-24, -16)}
        self.ring = [([440, 480], 1), ([], 2)] if random.random() < 0.6 else [([425], 1), ([], 4)]
        self.coloring = titles[0] if random.random() < 0.5 else None
        self.queue, self.bed = titles[1], random.random() < 0.3
        self.beep = random.choice([None, None, 440.0, 1000.0, 1400.0])
        self.transfer_ring = random.random() < 0.3
        self.color_line = self.new_line(1.5, 8) if random.random() < 0.5 else None
        self.welcome = [self.new_line(1.2, 6) for _ in range(random.integers(1, 3))]
        self.menu = [self.new_line(1.5, 9) for _ in range(random.integers(1, 4))]
        self.second = [self.new_line(1.2, 7) for _ in range(random.integers(0, 3))]
        self.connect = [self.new_line(1.5, 6) for _ in range(random.integers(1, 3))]
        self.announcements = [self.new_line(1.5, 7) for _ in range(random.integers(1, 4))]
        self.closed = [self.new_line(1.5, 7) for _ in range(2)]
        self.mailbox = [self.new_line(1.5, 7)]
        self.bot = self.new_line(1.2, 5)

    def new_line(self, shortest, longest):
        """A prompt the center has not used, of a fitting length if there is one."""
        spare = None
        for n, file in enumerate(self.lines):
            sound = speech(self.source.samples(file, "pitch", self.pitch))
            if sound is None:
                continue
            if shortest <= len(sound) / RATE <= longest:
                del self.lines[n]
                return file.stem, sound
            if spare is None and 0.8 <= len(sound) / RATE <= 11:
                spare = n, file.stem, sound
        if spare is None:
            raise Trouble(f"voice `{self.voice}` has too few prompts for center `{self.name}`: compose fewer centers")
        del self.lines[spare[0]]
        return spare[1:]


class Call:
    """One call as it is put together, from left to right."""

    def __init__(self, center, speakers, random):
        self.center, self.source, self.random = center, center.source, random
        self.pieces, self.segments, self.events, self.ssrc = [], [], {}, []
        self.length, self.held = 0, []
        self.speakers = speakers

    def now(self):
        return round(self.length / RATE, 4)

    def mark(self, event):
        self.events[event] = round(self.now(), 3)

    def add(self, label, sound, **more):
        start = self.now()
        self.pieces.append(sound)
        self.length += len(sound)
        self.segments.append({"start": start, "end": self.now(), "label": label, **more})

    def quiet(self, least, most, **more):
        self.add("sil", np.zeros(round(self.random.uniform(least, most) * RATE)), **more)

    def say(self, label, line, **more):
        name, sound = line
        self.add(label, sound * gain(self.center.level["prompt"]), prompt=name, voice=self.center.voice, **more)

    def excerpt(self, title, seconds):
        """Music from a random place, at the center's level; of eight places the one with the least silence."""
        whole = self.source.samples(self.source.music[title], "trim", "0", "150")
        wanted = round(seconds * RATE)
        if len(whole) < RATE:
            raise Trouble(f"music `{title}` cannot be read by sox: install libsox-fmt-all")
        whole = np.resize(whole, max(len(whole), wanted + RATE))
        places = self.random.integers(0, len(whole) - wanted + 1, 8)
        best = max(places, key=lambda p: np.percentile(envelope(whole[p:p + wanted], 160, 1600)[0], 10))
        level = 10 * np.log10(np.mean(np.square(whole)) + 1e-9)
        return whole[best:best + wanted] * gain(self.center.level["music"] - level)

    def music(self, label, title, seconds):
        self.add(label, self.excerpt(title, seconds), prompt=f"music:{title}")

    def before_answer(self):
        center, random = self.center, self.random
        self.quiet(0.2, 1.2)
        if center.coloring:
            if center.color_line:
                self.say("color", center.color_line)
                self.quiet(0.15, 0.5)
            self.music("color", center.coloring, random.uniform(3, 9))
        else:
            self.add("ring", cadence(center.ring, random.uniform(3, 9), center.level["ring"]))
        self.mark("answered")

    def prompts(self, label, lines):
        for line in lines:
            self.say(label, line)
            self.quiet(0.15, 0.5)

    def menus(self):
        center, random = self.center, self.random
        self.quiet(0.2, 0.8)
        self.prompts("ivr", center.welcome + center.menu)
        self.mark("dtmf1")
        if center.second:
            self.quiet(0.2, 0.7)
            self.prompts("ivr", center.second)
        self.quiet(0.1, 0.3)
        self.mark("request")
        if random.random() < 0.3:
            self.ssrc.append(round(self.now() + 0.1, 3))
        self.quiet(0.2, 0.8)
        self.prompts("ann", center.connect)

    def round(self):
        """Music, then an announcement; sometimes one nobody heard before."""
        center, random = self.center, self.random
        self.music("music", center.queue, random.uniform(4, 14))
        line = center.announcements[random.integers(len(center.announcements))]
        lines = [(line, {})]
        if random.random() < 0.15:
            name, sound = center.new_line(1.2, 7)
            lines.append((("dyn:" + name, sound), {"dynamic": True}))
        for (name, sound), more in lines:
            if center.bed:
                bed = self.excerpt(center.queue, len(sound) / RATE) * gain(-10)
                self.add("ann", sound * gain(center.level["prompt"]) + bed, prompt=name, bed=True, **more)
            else:
                self.quiet(0.1, 0.4)
                self.say("ann", (name, sound), **more)
                self.quiet(0.1, 0.5)

    def bridge(self, sure=False):
        center, random = self.center, self.random
        if center.transfer_ring:
            self.quiet(0.1, 0.4)
            self.add("ring", cadence(center.ring, random.uniform(2, 7), center.level["ring"]), xfer=True)
        if center.beep:
            self.add("beep", tones([([center.beep], 0.2)], -20))
        self.mark("bridge")
        if random.random() < 2 / 3:
            self.ssrc.append(self.events["bridge"])

    def utterance(self, speaker, taken, onset):
        """One to four clips of a speaker, each at a speed and pitch of its own, at the center's agent level."""
        random = self.random
        wanted = random.uniform(1.5, 4.5)
        clips = [f for f in self.source.speakers[speaker] if f not in taken]
        if onset and speaker.startswith("ko-"):
            clips = [f for f in clips if "greet" in f.name or "hello" in f.name] or clips
        said, length = [], 0.0
        for n in random.permutation(len(clips))[:60]:
            tempo, pitch = random.uniform(0.9, 1.12), int(random.integers(-80, 81))
            sound = speech(self.source.samples(clips[n], "pitch", str(pitch), "tempo", "-s", f"{tempo:.3f}"),
                           onset and not said)
            if sound is None or len(sound) > 7 * RATE:
                continue
            taken.add(clips[n])
            if said:
                said.append(np.zeros(round(random.uniform(0.05, 0.18) * RATE)))
            said.append(sound)
            length += len(sound) / RATE
            if length >= min(wanted, 1.2 if onset and length > 1.2 else wanted):
                break
        return np.concatenate(said) * gain(self.center.level["agent"]) if length >= 0.8 else None

    def conversation(self):
        """The live agent, from the bridge to the end; who cannot open sharply is not asked."""
        center, random = self.center, self.random
        for speaker in self.speakers:
            taken = set()
            greeting = self.utterance(speaker, taken, True)
            if greeting is not None:
                break
        else:
            raise Trouble("no speaker has a clip with a sharp onset")
        self.quiet(0.1, 1.6, agentbg=True)
        self.mark("agent")
        self.add("agent", greeting, voice=speaker)
        hold = random.random() < 0.2
        rest = int(random.integers(1, 5))
        for n in range(rest):
            self.quiet(0.6, 2.0, agentbg=True)
            again = self.utterance(speaker, taken, False)
            if again is None:
                break
            self.add("agent", again, voice=speaker)
            if hold and n + 1 >= max(1, rest - 1):
                hold = False
                self.quiet(0.3, 1.0, agentbg=True)
                self.mark("hold_after")
                start = self.length
                self.music("music", center.queue, random.uniform(5, 12))
                self.held.append((start, self.length))
                again = self.utterance(speaker, taken, False)
                self.quiet(0.3, 0.9, agentbg=True)
                if again is not None:
                    self.add("agent", again, voice=speaker)
        self.quiet(0.6, 2.5, agentbg=True)
        return speaker

    def bot(self):
        self.quiet(0.2, 1.0)
        self.mark("bot")
        lines = [self.center.bot] + [self.center.new_line(1.2, 6) for _ in range(2)]
        for _, sound in lines:
            self.add("bot", sound * gain(self.center.level["prompt"]))
            self.quiet(1.2, 2.4)

    def unreached(self):
        """A number that is busy, congested or gone."""
        random = self.random
        self.quiet(0.3, 1.2)
        kind = str(random.choice(["busy", "congestion", "SIT"]))
        on = {"busy": [([480, 620], 0.5), ([], 0.5)], "congestion": [([480, 620], 0.3), ([], 0.2)],
              "SIT": [([950], 0.33), ([1400], 0.33), ([1800], 0.33), ([], 1.0)]}[kind]
        self.add("tone", cadence(on, random.uniform(4, 9), random.uniform(-24, -14)), tone=kind)
        self.quiet(0.3, 0.8)

    def noagent(self):
        random = self.random
        how = random.integers(3)
        if how == 0:
            self.prompts("ann", self.center.closed)
            self.add("tone", cadence([([480, 620], 0.5), ([], 0.5)], random.uniform(3, 6), -20), tone="busy")
            return
        for _ in range(random.integers(2, 5)):
            self.round()
        if how == 1:
            self.prompts("ann", self.center.closed[:1])
            self.add("tone", cadence([([480, 620], 0.5), ([], 0.5)], random.uniform(3, 6), -20), tone="busy")
        else:
            self.music("music", self.center.queue, random.uniform(4, 10))

    def compose(self, kind):
        """Puts the whole call together; returns the live agent's name, if one came."""
        random = self.random
        if kind == "busy":
            self.unreached()
            return None
        self.before_answer()
        if kind == "vm":
            self.quiet(0.2, 0.8)
            self.prompts("ivr", self.center.welcome + self.center.mailbox)
            self.add("beep", tones([([1000], 0.4)], -20))
            self.quiet(4, 7)
            return None
        self.menus()
        if kind == "noagent":
            self.noagent()
            return None
        if kind != "direct":
            for _ in range(random.integers(0, 4)):
                self.round()
            self.music("music", self.center.queue, random.uniform(3, 12))
        self.bridge()
        if kind == "bot":
            self.bot()
            return None
        return self.conversation()

    def babble(self, agent, seconds):
        """Other people in the agent's room, without a pause, at a level of 1."""
        random, others = self.random, [s for s in self.source.speakers if s != agent]
        length = round(seconds * RATE)
        mixed = np.zeros(length)
        for speaker in random.choice(others, 4, replace=False):
            clips, said = self.source.speakers[speaker], [np.zeros(0)]
            skipped = int(random.integers(0, RATE))
            for n in random.integers(len(clips), size=400):
                sound = speech(self.source.samples(clips[n]))
                if sound is not None:
                    said += [sound, np.zeros(int(random.integers(0, RATE // 2)))]
                if sum(map(len, said)) >= length + skipped:
                    break
            said = np.concatenate(said)[skipped:skipped + length]
            mixed[:len(said)] += said * gain(random.uniform(-6, 0))
        return mixed / gain(db(mixed))

    def line(self, agent, loss):
        """What arrives: room, floor, gain, codec and losses."""
        center, random = self.center, self.random
        sound = np.concatenate(self.pieces)
        if agent:
            start = round(self.events["bridge"] * RATE)
            room = self.babble(agent, (len(sound) - start) / RATE + 0.01)[:len(sound) - start]
            room += random.standard_normal(len(room)) * gain(-12)
            for began, ended in self.held:
                room[began - start:ended - start] = 0
            sound[start:] += room * gain(center.level["agent"] - center.babble_snr)
        if center.floor is not None:
            sound += random.standard_normal(len(sound)) * gain(center.floor)
        whole = np.clip(np.round(sound * gain(center.gain) * 32768), -32768, 32767).astype(np.int64)
        coded = (a_law if center.codec == "a" else mu_law)(whole)
        return np.clip(concealed(coded, loss, random), -32768, 32767).astype("<i2")


def kinds(centers, calls, random):
    """The kind of every call of every center; the bots stay at as few centers as can be."""
    total = centers * calls
    wanted = {k: round(total * part / 100) for k, part in KINDS}
    wanted["agent"] += total - sum(wanted.values())
    rest = [k for k, n in wanted.items() if k != "bot" for _ in range(n)]
    random.shuffle(rest)
    plan = []
    bots = wanted["bot"]
    for _ in range(centers):
        here = min(bots, 3)
        bots -= here
        mine = ["bot"] * here + rest[:calls - here]
        rest = rest[calls - here:]
        random.shuffle(mine)
        plan.append(mine)
    return plan


def compose_set(arguments):
    source = Source(arguments.cache.resolve(), arguments.part, arguments.korean.resolve())
    random = np.random.default_rng([arguments.seed, {"all": 0, "a": 1, "b": 2}[arguments.part]])
    voices = list(source.prompts)
    pools = {v: [f[n] for n in random.permutation(len(f))] for v, f in source.prompts.items()}
    wants = 2 * arguments.centers
    songs = list(random.permutation(sorted(source.music)))
    songs = (songs * (wants // len(songs) + 1))[:wants]
    plan = kinds(arguments.centers, arguments.calls, random)
    # The few Korean prompts are one center's; the other voices are shared out, no line twice.
    others = [v for v in voices if v != "ko"]
    turn = [others[n % len(others)] for n in range(arguments.centers)]
    korean_center = next((n for n in range(arguments.centers - 1, -1, -1) if "bot" not in plan[n]), 0)
    turn[korean_center] = "ko"
    labels, folder = [], arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(arguments.centers):
        voice = turn[n]
        lines = pools[voice]
        if voice == "ko":
            lines = lines + pools[others[n % len(others)]][-40:]
            pools[others[n % len(others)]] = pools[others[n % len(others)]][:-40]
        else:
            mine = max(30, len(source.prompts[voice]) // (turn.count(voice) + 1))
            lines, pools[voice] = lines[:mine], lines[mine:]
        center = Center(f"{arguments.part}{arguments.seed}c{n}", voice, lines, songs[2 * n:2 * n + 2], source, random)
        # Everyone speaks before anyone speaks again, at one center.
        everyone = list(random.permutation(sorted(source.speakers)))
        for kind in plan[n]:
            korean = random.random() < KOREAN_SHARE
            call = Call(center, sorted(everyone, key=lambda s: s.startswith("ko-") != korean), random)
            agent = call.compose(kind)
            if agent:
                everyone.remove(agent)
                everyone.append(agent)
            loss = float(random.choice([0, 0, 0, 0.005, 0.02, 0.05]))
            name = f"{arguments.part}{arguments.seed}_{len(labels):03}.wav"
            heard = call.line(agent, loss)
            with wave.open(str(folder / name), "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes(heard.tobytes())
            labels.append({
                "file": name, "kind": kind, "center": center.name, "loss": loss, "codec": center.codec,
                "babble_snr": center.babble_snr, "events": call.events, "ssrc_change": call.ssrc,
                "segments": call.segments, "dur": round(len(heard) / RATE, 3),
            })
            (folder / "labels.json").write_text(json.dumps(labels, indent=1))
        print(f"{center.name}: {voice}, queue {center.queue}, {dict(Counter(plan[n]))}", flush=True)
    sources(source, folder)
    return labels


def sources(source, folder):
    """SOURCES.md, with the copyright file of each package whose sounds are in the calls."""
    rows = ["# Where the sounds come from", "", "| package | version | licences its copyright file names |",
            "| --- | --- | --- |"]
    (folder / "copyright").mkdir(exist_ok=True)
    for package in sorted(p for p in source.used if (source.cache / "x" / p).is_dir()):
        deb = next((source.cache / "deb").glob(f"{package}_*.deb"), None)
        version = deb.stem.split("_")[1].replace("%3a", ":") if deb else "unknown"
        notice = next((source.cache / "x" / package).rglob("copyright"))
        text = notice.read_text(errors="replace")
        shutil.copy(notice, folder / "copyright" / package)
        named = set(re.findall(r"^License: *(\S[^\n]*)", text, re.M))
        named |= set(re.findall(r"common-licenses/([A-Z][\w.-]*\w)", text)) if not named else set()
        rows.append(f"| {package} | {version} | {', '.join(sorted(named)) or 'see its copyright file'} |")
    rows += ["", "Whole texts: `copyright/`. The packages are of Debian main. Korean lines: the project's own",
             "synthetic speech (`scenarios/simulated/voices/NOTICE.md`). The composition is ours."]
    (folder / "SOURCES.md").write_text("\n".join(rows) + "\n")


def summary(labels):
    voices = Counter(s["voice"] for c in labels for s in c["segments"] if s["label"] == "agent")
    titles = {s["prompt"] for c in labels for s in c["segments"] if s.get("prompt", "").startswith("music:")}
    seconds = Counter()
    for call in labels:
        for segment in call["segments"]:
            seconds[segment["label"]] += segment["end"] - segment["start"]
    minutes = sum(c["dur"] for c in labels) / 60
    print(f"{len(labels)} calls, {minutes:.1f} minutes, {dict(Counter(c['kind'] for c in labels))}")
    print(f"{len(voices)} live voices, {len(titles)} music titles")
    print("seconds: " + ", ".join(f"{k} {v:.0f}" for k, v in seconds.most_common()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the WAVs, labels.json and SOURCES.md")
    parser.add_argument("--cache", type=Path, required=True, help="folder for packages and decoded sounds (4 GB)")
    parser.add_argument("--part", choices=["a", "b", "all"], default="all",
                        help="half of the voices and of the music; a and b have none in common")
    parser.add_argument("--centers", type=int, default=10)
    parser.add_argument("--calls", type=int, default=10, help="calls of each center")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--korean", type=Path, help="folder with manifest*.csv and Korean lines",
                        default=Path(__file__).parent.parent / "scenarios/simulated/voices")
    arguments = parser.parse_args()
    if arguments.centers < 1 or arguments.calls < 1:
        parser.error("--centers and --calls must be at least 1")
    for tool in ("sox", "opusdec", "apt-get", "dpkg-deb", "tar"):
        if not shutil.which(tool):
            sys.exit(f"`{tool}` is not on the PATH: apt-get install sox libsox-fmt-all opus-tools apt dpkg tar")
    try:
        summary(compose_set(arguments))
    except Trouble as trouble:
        sys.exit(f"compose.py: {trouble}")


if __name__ == "__main__":
    main()
