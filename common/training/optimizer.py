"""AdamW with warm-up, cosine decay, clipping and weight averaging, from the shared training flags."""

from functools import partial

import keras

from common.training.cluster import cluster_of
from common.training.options import TrainingOptions
from common.training.workers import JointAdamW


def make_optimizer(options: TrainingOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), its rate rising linearly, then falling along half a cosine; of several
    workers, on the mean of their gradients."""
    steps = max(options.epochs * steps_per_epoch, 1)
    warmup_steps = min(max(round(options.warmup * steps), 1), steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=options.learning_rate / warmup_steps,
        decay_steps=max(steps - warmup_steps, 1),
        alpha=options.final_learning_rate,
        warmup_target=options.learning_rate,
        warmup_steps=warmup_steps,
    )
    averaging = {"use_ema": True, "ema_momentum": options.averaging} if options.averaging else {}
    cluster = cluster_of(options)
    kind = keras.optimizers.AdamW if cluster is None else partial(JointAdamW, cluster)
    optimizer = kind(
        schedule,
        beta_2=options.beta_2,
        weight_decay=options.weight_decay,
        global_clipnorm=options.clip_norm or None,
        **averaging,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
