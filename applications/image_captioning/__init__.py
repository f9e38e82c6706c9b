"""Image captioning: an image -> a sentence, by a convolutional encoder and a recurrent decoder with attention."""
