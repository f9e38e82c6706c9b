"""The acoustic front end in the graph: log-mel features of waveforms, their normalisation and their masking.

A waveform is `[batch, samples]`, float32, from -1 to 1; features are `[batch, frames, mel_bins]`. All is computed in
float32 whatever the policy.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.keras_package import PACKAGE

QUIETEST = 1e-6
_STEPS_PER_UNIT = 2**15


@keras.saving.register_keras_serializable(PACKAGE)
class LogMel(keras.layers.Layer):
    """Log-mel features: `[batch, samples]` -> `[batch, frames, mel_bins]` in float32.

    Feature b of frame k is log(1e-6 + m), m being the power spectrum of samples k · hop to k · hop + window - 1 under a
    Hann window, weighted by triangle b on the mel scale (`keras.layers.MelSpectrogram`). No other sample has a say.
    There are as many frames as windows lie wholly inside the waveform, `frames(samples)`; samples after the last one
    are not read. A causal layer reads the waveform after `context` zeros: its frame k ends with sample
    (k + 1) · hop - 1, so that each hop of samples makes one frame, and `step` can go on where it ended.

    Args:
        mel_bins: how many features a frame has.
        window: samples of a frame.
        hop: samples from one frame to the next.
        lowest: where the first triangle begins, in hertz.
        highest: where the last triangle ends, in hertz.
        sample_rate: samples per second.
        causal: whether `context` zeros stand before the waveform.

    Example:
        >>> LogMel(mel_bins=40)(tf.zeros([2, 16000])).shape.as_list()
        [2, 98, 40]
    """

    def __init__(
        self,
        mel_bins: int = 40,
        window: int = 400,
        hop: int = 160,
        lowest: float = 60.0,
        highest: float = 7600.0,
        sample_rate: int = 16_000,
        causal: bool = False,
        **kwargs: Any,
    ) -> None:
        # Rounded to bfloat16, a waveform would keep 8 of its 16 bits.
        super().__init__(autocast=False, **kwargs)
        if not 0 < hop <= window:
            raise ValueError(f"expected a hop from 1 to the window's {window} samples, got {hop}")
        self.mel_bins, self.window, self.hop = mel_bins, window, hop
        self.lowest, self.highest, self.sample_rate, self.causal = lowest, highest, sample_rate, causal
        self.fft_length = 2 ** (window - 1).bit_length()
        self._spectrogram = keras.layers.MelSpectrogram(
            fft_length=self.fft_length,
            sequence_stride=hop,
            sequence_length=window,
            sampling_rate=sample_rate,
            num_mel_bins=mel_bins,
            min_freq=lowest,
            max_freq=highest,
            power_to_db=False,
            dtype="float32",
        )

    def build(self, waveforms_shape: tuple[int | None, ...]) -> None:
        """There are no weights to make."""
        self._spectrogram.build(waveforms_shape)
        self.built = True

    @property
    def context(self) -> int:
        """How many samples before a block its first frame reads."""
        return self.window - self.hop

    def frames(self, samples: int) -> int:
        """How many frames `samples` samples make."""
        return max((samples + self.causal * self.context - self.window) // self.hop + 1, 0)

    def call(self, waveforms: tf.Tensor) -> tf.Tensor:
        """The features of all of the waveforms; see the class."""
        waveforms = tf.cast(waveforms, tf.float32)
        if self.causal:
            waveforms = tf.pad(waveforms, [[0, 0], [self.context, 0]])
        return self._features(waveforms)

    def step(self, block: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The next samples of a causal run.

        Args:
            block: `[batch, n * hop]`.
            state: `[batch, context]`, the samples before; at first `zero_states`.

        Returns:
            The features `[batch, n, mel_bins]`, and the state after the block.
        """
        samples = tf.concat([tf.cast(state, tf.float32), tf.cast(block, tf.float32)], axis=1)
        return self._features(samples), samples[:, tf.shape(block)[1] :]

    def mel_weights(self) -> np.ndarray:
        """How much each frequency of a window's spectrum says in each feature: `[fft_length / 2 + 1, mel_bins]`."""
        weights: np.ndarray = self._spectrogram.linear_to_mel_weight_matrix(
            num_mel_bins=self.mel_bins,
            num_spectrogram_bins=self.fft_length // 2 + 1,
            sampling_rate=self.sample_rate,
            lower_edge_hertz=self.lowest,
            upper_edge_hertz=self.highest,
        ).numpy()
        return weights

    def zero_states(self, batch: Any) -> tf.Tensor:
        """Silence before the first block: `[batch, context]`."""
        return tf.zeros([batch, self.context])

    def _features(self, waveforms: tf.Tensor) -> tf.Tensor:
        # Keras centres frame j on sample j * hop and mirrors the waveform at its ends. The zeros put the first frame
        # without mirrored samples on sample 0, and make the shortest waveform long enough to be mirrored.
        samples = tf.shape(waveforms)[1]
        dropped = -(-(self.window // 2) // self.hop)
        before = dropped * self.hop - self.window // 2
        after = tf.maximum(self.fft_length // 2 + 1 - before - samples, 0)
        padded = tf.pad(waveforms, [[0, 0], [before, after]])
        frames = tf.maximum((samples - self.window) // self.hop + 1, 0)
        power = tf.transpose(self._spectrogram(padded), [0, 2, 1])
        return tf.math.log(power[:, dropped : dropped + frames] + QUIETEST)

    def compute_output_spec(self, waveforms: keras.KerasTensor) -> keras.KerasTensor:
        """`[batch, frames, mel_bins]` in float32."""
        batch, samples = waveforms.shape
        frames = None if samples is None else self.frames(samples)
        return keras.KerasTensor((batch, frames, self.mel_bins), "float32")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("mel_bins", "window", "hop", "lowest", "highest", "sample_rate", "causal")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(PACKAGE)
class FitLength(keras.layers.Layer):
    """Waveforms of one length: `[batch, any]` -> `[batch, samples]` in float32.

    A shorter one is followed by zeros. Of a longer one the loudest stretch of that length is taken: among those that
    begin at a multiple of `grid` samples, the first of the greatest energy (the sum of the squares, to 16 bits).
    Padding is not read, so that a row's result is the same in any batch.

    Args:
        samples: the length to have.
        grid: samples from one possible beginning to the next; 10 ms at 16 kHz if not given.

    Call arguments:
        waveforms: `[batch, any]`, from -1 to 1.
        lengths: `[batch]`, how many samples of each row are real; all of them if not given.

    Example:
        >>> FitLength(6, grid=1)(tf.ones([1, 4])).numpy().tolist()
        [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0]]
    """

    def __init__(self, samples: int, grid: int = 160, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.samples, self.grid = samples, grid

    def call(self, waveforms: tf.Tensor, lengths: tf.Tensor | None = None) -> tf.Tensor:
        """Fits each row; see the class."""
        waveforms = tf.cast(waveforms, tf.float32)
        batch, width = tf.unstack(tf.shape(waveforms))
        if lengths is None:
            lengths = tf.fill([batch], width)
        else:
            lengths = tf.cast(lengths, tf.int32)
            waveforms = tf.where(tf.range(width) < lengths[:, None], waveforms, 0.0)
        short = tf.pad(waveforms, [[0, 0], [0, tf.maximum(self.samples - width, 0)]])
        fitted = tf.cond(width > self.samples, lambda: self._loudest(short, lengths), lambda: short)
        return tf.ensure_shape(fitted, [None, self.samples])

    def _loudest(self, waveforms: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The loudest stretch of each row: `[batch, samples]`."""
        energies = self._energies(waveforms)
        beginnings = self.grid * tf.range(tf.shape(energies)[1])
        last = tf.maximum(lengths - self.samples, 0)[:, None]
        loudest = tf.argmax(tf.where(beginnings <= last, energies, -1), axis=1, output_type=tf.int32)
        places = tf.gather(beginnings, loudest)[:, None] + tf.range(self.samples)
        return tf.gather(waveforms, places, batch_dims=1)

    def _energies(self, waveforms: tf.Tensor) -> tf.Tensor:
        """The energy of each stretch: `[batch, beginnings]`.

        In whole numbers, whose sums do not depend on the order of summation, hence not on the row's padding.
        """
        steps = tf.cast(tf.round(tf.clip_by_value(waveforms, -1.0, 1.0) * _STEPS_PER_UNIT), tf.int64)
        until = tf.pad(tf.cumsum(steps * steps, axis=1), [[0, 0], [1, 0]])
        before = until[:, : tf.shape(until)[1] - self.samples]
        return until[:, self.samples :: self.grid] - before[:, :: self.grid]

    def compute_output_spec(
        self, waveforms: keras.KerasTensor, lengths: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        """`[batch, samples]` in float32."""
        return keras.KerasTensor((waveforms.shape[0], self.samples), "float32")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "samples": self.samples, "grid": self.grid}


@keras.saving.register_keras_serializable(PACKAGE)
class MeanNormalization(keras.layers.Layer):
    """Subtracts each feature's mean over time, each row its own: `[batch, frames, features]` -> the same shape.

    What a microphone or a room adds to every frame alike vanishes (cepstral mean subtraction, Atal 1974).

    Args:
        scale: what the differences are divided by.

    Call arguments:
        features: `[batch, frames, features]`.
        frames: `[batch]`, over how many frames of each row, the first ones, the mean is taken; all if not given.

    Example:
        >>> MeanNormalization(scale=2.0)(tf.constant([[[1.0], [3.0]]])).numpy().tolist()
        [[[-0.5], [0.5]]]
    """

    def __init__(self, scale: float = 3.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.scale = scale

    def call(self, features: tf.Tensor, frames: tf.Tensor | None = None) -> tf.Tensor:
        """Normalises each row; see the class."""
        features = tf.cast(features, tf.float32)
        if frames is None:
            mean = tf.reduce_mean(features, axis=1, keepdims=True)
        else:
            real = tf.sequence_mask(frames, tf.shape(features)[1])[:, :, None]
            count = tf.cast(tf.maximum(frames, 1), tf.float32)[:, None, None]
            mean = tf.reduce_sum(tf.where(real, features, 0.0), axis=1, keepdims=True) / count
        return tf.cast((features - mean) / self.scale, self.compute_dtype)

    def compute_output_spec(
        self, features: keras.KerasTensor, frames: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        """The features' shape in the layer's precision."""
        return keras.KerasTensor(features.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(PACKAGE)
class SpecAugment(keras.layers.Layer):
    """Masks stretches of time and bands of features in training: `[batch, frames, features]` -> the same shape.

    Each row has masks of its own. A mask is from 0 to `width` wide, each width as likely, and lies anywhere, each place
    as likely; what it covers becomes the row's mean (Park et al. 2019, SpecAugment, section 2, without the warping).

    Args:
        time_masks: how many stretches of time are masked.
        time_width: the most frames that one covers.
        frequency_masks: how many bands of features are masked.
        frequency_width: the most features that one covers.
        seed: of the masks.

    Example:
        >>> augment = SpecAugment(time_masks=1, time_width=5, frequency_masks=0, seed=1)
        >>> augment(tf.ones([2, 50, 40]), training=True).shape.as_list()
        [2, 50, 40]
    """

    def __init__(
        self,
        time_masks: int = 2,
        time_width: int = 20,
        frequency_masks: int = 2,
        frequency_width: int = 8,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.time_masks, self.time_width = time_masks, time_width
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Masks in training, and passes the features on otherwise."""
        if not training:
            return features
        batch, frames, bins = tf.unstack(tf.shape(features))
        masked = self._masked(batch, frames, self.time_masks, self.time_width)[:, :, None]
        masked |= self._masked(batch, bins, self.frequency_masks, self.frequency_width)[:, None, :]
        mean = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2], keepdims=True)
        return tf.where(masked, tf.cast(mean, features.dtype), features)

    def _masked(self, batch: tf.Tensor, size: tf.Tensor, masks: int, most: int) -> tf.Tensor:
        """Which of `size` places are masked in each row: `[batch, size]`."""
        widths = self._random(batch, masks, tf.fill([batch, masks], tf.minimum(most, size)))
        beginnings = self._random(batch, masks, size - widths)
        places = tf.range(size)[:, None]
        inside = (places >= beginnings[:, None]) & (places < (beginnings + widths)[:, None])
        return tf.reduce_any(inside, axis=-1)

    def _random(self, batch: tf.Tensor, masks: int, highest: tf.Tensor) -> tf.Tensor:
        """Whole numbers from 0 to `highest`, each as likely: `[batch, masks]`."""
        uniform = keras.random.uniform((batch, masks), dtype="float32", seed=self.seed_generator)
        return tf.minimum(tf.cast(uniform * tf.cast(highest + 1, tf.float32), tf.int32), highest)

    def compute_output_spec(self, features: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """The features' shape in the layer's precision."""
        return keras.KerasTensor(features.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("time_masks", "time_width", "frequency_masks", "frequency_width", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
