"""Translation: text -> text in another language, by a recurrent encoder and decoder with attention."""
