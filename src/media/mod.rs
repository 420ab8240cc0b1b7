//! RTP media: pacing, codecs, telephone-events, reordering, recording, line quality.
