"""Character-level text generation: a recurrent language model that writes, continues and scores text."""
