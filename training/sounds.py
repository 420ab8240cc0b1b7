"""Voices and music for composed calls, out of Debian packages, and the sound that a telephone line makes of them.

Sounds come as numpy arrays of 8 kHz mono samples, full scale 1.
"""

import csv
import hashlib
import re
import subprocess
import zipfile
from collections import Counter, defaultdict

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
SOUNDING = ("*.ogg", "*.wav", "*.opus", "*.mp3", "*.gsm", "*.pk3", "*/copyright")
# Clips are cut where their level first and last passes this, relative to their loudest 10 ms.
CUT_DB = -40.0
# An agent's first clip must be this loud (dB below its loudest 10 ms), and stay so for most of 40 ms, from RISE seconds
# after the cut at the latest: other people's talk in the room may be nearly as loud as anything weaker.
RISE_DB, RISE = -20.0, 0.05


class Trouble(Exception):
    """Something the person who runs this can mend."""


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
        raise Trouble(f"package `{package}` holds no `{pattern}`: its version has moved its sounds; mend sounds.py")
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
        asked = {f.name: f for f, role in lines if role in ("ivr", "queue")}
        self.prompts["ko"] = [asked[n] for n in share(asked, part)]
        titles = {f"{p.removesuffix('-data')}/{f.parent.name}/{f.stem}": f
                  for p, g in MUSIC.items() for f in files(p, g, cache)}
        self.music = {t: titles[t] for t in share(titles, part)}

    def samples(self, file, *effects):
        """The file's sound, 8 kHz mono, -1..1, after sox effects; decoded once."""
        key = rank("|".join([str(file), *effects]))[:24]
        kept = self.cache / "pcm" / f"{key}.npy"
        inside = str(file).removeprefix(str(self.cache / "x")).strip("/").split("/")[0]
        self.used[inside] += 1
        if kept.exists():
            return np.load(kept).astype(np.float64)
        given, fed = str(file), None
        if file.suffix == ".opus":
            decoder = ["opusdec", "--quiet", "--rate", "48000", "--force-wav", given, "-"]
            opus = subprocess.run(decoder, capture_output=True)
            given, fed = "-t wav --ignore-length -", opus.stdout
        told = subprocess.run(
            ["sox", "-V1", "-D", "-v", "0.7", *(given.split(" ") if fed else [given]), "-r", str(RATE), "-c", "1",
             "-b", "16", "-e", "signed-integer", "-t", "raw", "-", *effects], input=fed, capture_output=True)
        if told.returncode:
            raise Trouble(f"sox cannot read `{file}`: {told.stderr.decode().strip()[-200:]}; install libsox-fmt-all")
        sound = np.frombuffer(told.stdout[:len(told.stdout) // 2 * 2], "<i2").astype(np.float32) / 32768
        # A speed of one's own is asked for once.
        if "tempo" not in effects:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, sound)
        return sound.astype(np.float64)


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
    loud = level[start:start + 120] > loudest + RISE_DB
    if onset and not any(loud[n:n + 40].mean() > 0.75 for n in range(round(RISE * 1000))):
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
