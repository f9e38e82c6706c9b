"""Speech commands: waveform -> word, by a recurrent classifier, and words with their times in long recordings."""
