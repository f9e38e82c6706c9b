"""Transcription: speech -> what is said, by a recurrent network and connectionist temporal classification (CTC)."""
