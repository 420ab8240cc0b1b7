//! Transcription: models on this machine, speech in, words out, in worker processes.
