"""Handwriting: a pen's strokes -> what is written, by a recurrent network and connectionist temporal classification."""
