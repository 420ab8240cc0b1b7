"""Composes labelled telephone calls for training and measuring the ear: `python3 training/compose.py --help`.

Needs numpy, sox with all its formats, opusdec and, the first time, apt-get and dpkg-deb: the voices and the music come from
Debian packages fetched by name into the cache folder. Writes 8 kHz mono 16-bit WAVs, labels.json (the form that
`callprobe bench hearing DIR` reads) and SOURCES.md. The same seed and packages give the same calls.
"""

import argparse
import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import wave
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

RATE = 8000
# All packages are in Debian main: free to use, change and pass on (their copyright files go beside the calls).
ASTERISK = "usr/share/asterisk/sounds/"
PROMPTS = {
    "asterisk-core-sounds-fr-wav": ASTERISK + "fr_CA_f_June/*.wav",
    "asterisk-core-sounds-ru-wav": ASTERISK + "ru_RU_f_IvrvoiceRU/*.wav",
    "asterisk-prompt-it-menardi-wav": ASTERISK + "it_IT_f_Menardi/*.wav",
    "asterisk-prompt-fr-armelle": "usr/share/asterisk/sounds/**/*.gsm",
    "asterisk-prompt-es-co": "usr/share/asterisk/sounds/**/*.gsm",
    "festvox-ru": "usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav/*.wav",
}
# Package: (files, what in the path tells the speaker).
SPEAKERS = {
    "fillets-ng-data-cs": ("usr/share/games/fillets-ng/sound/*/cs/*.ogg", r"-([mv])-"),
    "fillets-ng-data-nl": ("usr/share/games/fillets-ng/sound/*/nl/*.ogg", r"-([mv])-"),
    "tuxpaint-stamps-default": ("usr/share/tuxpaint/stamps/**/*.ogg", r"_desc_?([a-z]*)\.ogg"),
    "ktuberling-data": ("usr/share/ktuberling/sounds/*/*.*", r"sounds/([a-z]+)/"),
    "hedgewars-data": (
        "usr/share/games/hedgewars/Data/Sounds/voices/*/*.ogg",
        r"voices/(British|Classic|Default\w*|HillBilly|Mobster|Pirate|Russian\w*|Surfer)/",
    ),
    "pocketsphinx-testdata": ("usr/share/pocketsphinx/test/data/librivox/*.wav", r"(librivox)"),
}
# Titles already in the development set (Wesnoth, opsound, Endgame: Singularity) are in none of these.
MUSIC = {
    "asc-music": "**/*.mp3",
    "colobot-common-sounds": "usr/share/games/colobot/music/*.ogg",
    "enigma-data": "usr/share/games/enigma/music/**/*.ogg",
    "extremetuxracer-data": "usr/share/games/etr/music/*.ogg",
    "fillets-ng-data": "usr/share/games/fillets-ng/music/*.ogg",
    "freedink-data": "usr/share/games/dink/dink/Sound/*.ogg",
    "freedroidrpg-data": "usr/share/freedroidrpg/data/sound/music/*.ogg",
    "fretsonfire-songs-muldjord": "**/song.ogg",
    "fretsonfire-songs-sectoid": "**/song.ogg",
    "frozen-bubble-data": "usr/share/games/frozen-bubble/snd/*zik*.ogg",
    "hedgewars-data": "usr/share/games/hedgewars/Data/Music/*.ogg",
    "hyperrogue-music": "usr/share/hyperrogue/music/*.ogg",
    "lincity-ng-data": "usr/share/games/lincity-ng/music/default/*.ogg",
    "nexuiz-music": "sound/cdtracks/*.ogg",
    "scorched3d-data": "**/music/*.ogg",
    "supertux-data": "usr/share/games/supertux2/music/**/*.ogg",
    "unknown-horizons": "usr/share/unknown-horizons/content/audio/music/**/*.ogg",
    "warmux-data": "usr/share/games/warmux/music/**/*.ogg",
    "warzone2100-music": "usr/share/games/warzone2100/music/albums/*/*.opus",
    "xmoto-data": "usr/share/games/xmoto/Textures/Musics/*.ogg",
}
KINDS = [("agent", 65), ("direct", 8), ("noagent", 14), ("vm", 5), ("busy", 5), ("bot", 3)]
SOUNDING = ("*.ogg", "*.wav", "*.opus", "*.mp3", "*.gsm", "*.pk3", "*/copyright")
# Clips are cut where their level first and last passes this, relative to their loudest 10 ms.
CUT_DB = -40.0
# An agent's first clip must be this loud (dB below its loudest 10 ms) within RISE seconds of the cut: a sharp onset.
RISE_DB, RISE = -24.0, 0.05


class Trouble(Exception):
    """Something the person who runs this can mend."""


# --- sources -------------------------------------------------------------------------------------------------------

def unpacked(package, cache):
    """Folder with the sounds and the copyright file of a Debian package, fetched when it is not there yet."""
    folder = cache / "x" / package
    done = cache / "x" / f"{package}.done"
    debs = cache / "deb"
    if done.exists():
        return folder
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(f"{package}_*.deb")):
        fetched = subprocess.run(["apt-get", "download", "-q", package], cwd=debs, capture_output=True, text=True)
        if fetched.returncode:
            raise Trouble(f"apt-get download `{package}` failed: {fetched.stderr.strip()[-200:]}; run `apt-get update`")
    deb = next(debs.glob(f"{package}_*.deb"))
    folder.mkdir(parents=True, exist_ok=True)
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    # tar fails when one of the patterns is in no file; that none is, is seen by whoever looks for sounds.
    subprocess.run(["tar", "-x", "-C", str(folder), "--wildcards", *SOUNDING], stdin=tar.stdout, capture_output=True)
    if tar.wait():
        raise Trouble(f"`{deb}` is not a whole package: delete it and run again")
    for archive in sorted(folder.rglob("*.pk3")):
        with zipfile.ZipFile(archive) as inside:
            inside.extractall(folder, [n for n in inside.namelist() if n.endswith(".ogg")])
    done.touch()
    return folder


def rank(name):
    """A stable order of names that has nothing to do with what they mean."""
    return hashlib.sha256(name.encode()).hexdigest()


def share(names, part):
    """The half of the names that belongs to the part; both halves together are all names."""
    ordered = sorted(names, key=rank)
    return ordered if part == "all" else ordered["ab".index(part)::2]


def files(package, pattern, cache):
    found = sorted(f for f in unpacked(package, cache).glob(pattern) if f.is_file())
    if not found:
        raise Trouble(f"package `{package}` holds no `{pattern}`: its newer version has moved its sounds; mend compose.py")
    return found


class Source:
    """Clips by voice and music by title, of one part, and which package each came from."""

    def __init__(self, cache, part, korean):
        self.cache, self.used = cache, Counter()
        prompts = {p: files(p, g, cache) for p, g in PROMPTS.items()}
        self.prompts = {v: prompts[v] for v in share(prompts, part)}
        speakers = defaultdict(list)
        for package, (pattern, who) in SPEAKERS.items():
            for file in files(package, pattern, cache):
                if found := re.search(who, str(file)):
                    speakers[f"{package.removesuffix('-data')}-{found[1] or 'en'}"].append(file)
        lines = []
        for manifest in sorted(korean.glob("manifest*.csv")):
            with manifest.open() as rows:
                lines += [(korean / r["file"], r["role"]) for r in csv.DictReader(rows)]
        if not lines:
            raise Trouble(f"no manifest*.csv with Korean lines in `{korean}`: give their folder with --korean")
        for file, role in lines:
            if role not in ("ivr", "queue"):
                speakers[f"ko-{role}"].append(file)
        # Too few lines make no conversation; one line can still stand among the babble.
        speakers = {s: f for s, f in speakers.items() if len(f) >= 4}
        groups = defaultdict(list)
        for speaker in speakers:
            groups[speaker.startswith("ko-")].append(speaker)
        self.speakers = {s: speakers[s] for g in sorted(groups) for s in share(groups[g], part)}
        said = share([str(f) for f, role in lines if role in ("ivr", "queue")], part)
        self.prompts["ko"] = [Path(f) for f in said]
        titles = {f"{p.removesuffix('-data')}/{f.parent.name}/{f.stem}": f
                  for p, g in MUSIC.items() for f in files(p, g, cache)}
        self.music = {t: titles[t] for t in share(titles, part)}

    def samples(self, file, *effects):
        """The file's sound, 8 kHz mono, -1..1, after sox effects; decoded once."""
        key = rank("|".join([str(file), *effects]))[:24]
        kept = self.cache / "pcm" / f"{key}.npy"
        inside = str(file).removeprefix(str(self.cache / "x")).strip("/").split("/")[0]
        self.used["korean lines" if file.suffix == ".wav" and not str(file).startswith(str(self.cache)) else inside] += 1
        if kept.exists():
            return np.load(kept).astype(np.float64)
        given, fed = str(file), None
        if file.suffix == ".opus":
            opus = subprocess.run(["opusdec", "--quiet", "--rate", "48000", "--force-wav", given, "-"], capture_output=True)
            given, fed = "-t wav --ignore-length -", opus.stdout
        told = subprocess.run(
            ["sox", "-V1", "-D", "-v", "0.7", *(given.split(" ") if fed else [given]), "-r", str(RATE), "-c", "1",
             "-b", "16", "-e", "signed-integer", "-t", "raw", "-", *effects], input=fed, capture_output=True)
        if told.returncode:
            raise Trouble(f"sox cannot read `{file}`: {told.stderr.decode().strip()[-200:]}; install libsox-fmt-all")
        sound = np.frombuffer(told.stdout[:len(told.stdout) // 2 * 2], "<i2").astype(np.float32) / 32768
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, sound)
        return sound.astype(np.float64)


# --- sound ---------------------------------------------------------------------------------------------------------

def db(x):
    return 20 * np.log10(np.sqrt(np.mean(np.square(x))) + 1e-9) if len(x) else -180.0


def gain(decibels):
    return 10 ** (decibels / 20)


def envelope(x, hop=8, width=80):
    """Level of every 10 ms, 1 ms apart, in dB."""
    power = np.concatenate([[0], np.cumsum(np.square(x))])
    at = np.arange(0, max(len(x) - width, 0) + 1, hop)
    return 10 * np.log10((power[np.minimum(at + width, len(x))] - power[at]) / width + 1e-12), at


def speech(x, onset=False):
    """The clip from its first to its last sound, at a level of 1, or None when it is no clean speech."""
    if len(x) < RATE // 4:
        return None
    x = x - x.mean()
    level, at = envelope(x)
    loudest = level.max()
    above = level > loudest + CUT_DB
    heard = np.flatnonzero(above)
    # A click before the voice is no onset: most of the following 200 ms must sound too.
    heard = [h for h in heard[:400] if above[h:h + 200].mean() > 0.6][:1] + list(heard[-1:])
    if len(heard) < 2 or np.percentile(level, 4) > loudest - 22:
        return None
    start, end = heard[0], heard[1]
    # The window that first passes ends 10 ms after it begins: its later half holds the sound.
    cut = x[at[start] + 40:at[end] + 80].copy()
    if len(cut) < RATE // 4:
        return None
    sharp = np.flatnonzero(level[start:] > loudest + RISE_DB)
    if onset and (not len(sharp) or sharp[0] > RISE * 1000):
        return None
    fade = np.linspace(0, 1, 16)
    cut[:16] *= fade
    cut[-16:] *= fade[::-1]
    active = level[start:end + 1]
    active = active[active > loudest - 25]
    return cut / gain(10 * np.log10(np.mean(10 ** (active / 10))))


def tones(parts, level):
    """Cadence: parts are (frequencies, seconds); no frequencies is silence."""
    out = []
    for frequencies, seconds in parts:
        t = np.arange(round(seconds * RATE)) / RATE
        tone = sum(np.sin(2 * np.pi * f * t) for f in frequencies) if frequencies else np.zeros(len(t))
        out.append(tone / max(len(frequencies), 1) ** 0.5 * 2 ** 0.5 * gain(level))
    return np.concatenate(out)


def cadence(parts, seconds, level):
    once = tones(parts, level)
    return np.resize(once, round(seconds * RATE))


def mu_law(x):
    """G.711 mu-law there and back, 16-bit in and out."""
    magnitude = np.minimum(np.abs(x), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    return np.sign(x) * ((((mantissa << 3) + 132) << exponent) - 132)


def a_law(x):
    """G.711 A-law there and back, 16-bit in and out."""
    magnitude = np.minimum(np.abs(x), 32767)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 7, 0)
    mantissa = (magnitude >> (np.maximum(exponent, 1) + 3)) & 15
    loud = ((mantissa << 4) + 264) << np.maximum(exponent - 1, 0)
    return np.where(x < 0, -1, 1) * np.where(exponent == 0, (magnitude >> 4 << 4) + 8, loud)


def concealed(x, loss, random):
    """Packets of 20 ms lost at random, each gap filled with the last packet, weaker every time."""
    x = x.copy()
    weaker = 1.0
    for n in range(160, len(x) - 159, 160):
        if random.random() < loss:
            weaker *= 0.6
            x[n:n + 160] = x[n - 160:n] * 0.6 if weaker > 0.1 else 0
        else:
            weaker = 1.0
    return x


# --- a center and its calls ----------------------------------------------------------------------------------------

class Center:
    """What stays the same from call to call: prompts, music, levels and habits."""

    def __init__(self, name, voice, lines, titles, source, random):
        self.name, self.voice, self.source = name, voice, source
        self.lines, self.bits = lines, {}
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
        self.unseen = 0

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
            lines.append((center.new_line(1.2, 7), {"dynamic": True}))
        for (name, sound), more in lines:
            if center.bed:
                bed = self.excerpt(center.queue, len(sound) / RATE) * gain(-10)
                self.add("ann", sound * gain(center.level["prompt"]) + bed, prompt=name, bed=True, **more)
            else:
                self.quiet(0.1, 0.4)
                self.say("ann", (("dyn:" if more else "") + name, sound), **more)
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


# --- a set ---------------------------------------------------------------------------------------------------------

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
    korean = next((n for n in range(arguments.centers - 1, -1, -1) if "bot" not in plan[n]), 0)
    turn[korean] = "ko"
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
            call = Call(center, everyone, random)
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
    rows += ["", "Whole texts: `copyright/`. The packages are of Debian main. Korean lines: the project's own synthetic",
             "speech (`scenarios/simulated/voices/NOTICE.md`). The composition is ours."]
    (folder / "SOURCES.md").write_text("\n".join(rows) + "\n")


def summary(labels):
    voices = Counter(s["voice"] for c in labels for s in c["segments"] if s["label"] == "agent")
    titles = {s["prompt"] for c in labels for s in c["segments"] if s.get("prompt", "").startswith("music:")}
    seconds = Counter()
    for call in labels:
        for segment in call["segments"]:
            seconds[segment["label"]] += segment["end"] - segment["start"]
    print(f"{len(labels)} calls, {sum(c['dur'] for c in labels) / 60:.1f} minutes, {dict(Counter(c['kind'] for c in labels))}")
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
    for tool in ("sox", "opusdec", "apt-get", "dpkg-deb", "tar"):
        if not shutil.which(tool):
            sys.exit(f"`{tool}` is not on the PATH: apt-get install sox libsox-fmt-all opus-tools apt dpkg tar")
    try:
        summary(compose_set(arguments))
    except Trouble as trouble:
        sys.exit(f"compose.py: {trouble}")


if __name__ == "__main__":
    main()
