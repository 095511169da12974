from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import (
    FrequencyWarp,
    LogMel,
    RandomFilter,
    SpecAugment,
    SpeedChange,
    TimeShift,
    UserError,
    WhiteNoise,
)
from jaxflow.training.parallel.compile import parallelize
from jaxflow.training.parallel.layout import Layout
from jaxflow.transforms import augment
from tests.transforms.augment.applying import augment_batch

KEY = jax.random.key(0)
WAVES = jnp.asarray(1 + np.random.RandomState(0).rand(64, 50), jnp.float32)  # nowhere silent
SPECTROGRAMS = jnp.asarray(np.random.RandomState(0).rand(256, 20, 12, 1), jnp.float32)


def augmented(augmentation, inputs, key=KEY):
    batch = {"inputs": inputs, "targets": jnp.zeros(len(inputs), jnp.int32)}
    done = augment_batch(augmentation, key, batch)
    assert done["inputs"].dtype == inputs.dtype
    np.testing.assert_array_equal(done["targets"], batch["targets"])
    return np.asarray(done["inputs"])


def test_a_shift_moves_each_waveform_and_silence_comes_in():
    seen = set()
    for before, after in zip(np.asarray(WAVES), augmented(TimeShift(0.1), WAVES)):
        padded = np.pad(before, 5)
        matches = [start for start in range(11) if np.array_equal(padded[start : start + 50], after)]
        assert len(matches) == 1
        seen.update(matches)
    assert seen == set(range(11))


def test_noise_has_its_ratio():
    waves = 0.3 * jax.random.normal(jax.random.key(1), (200, 4000))
    noise = augmented(WhiteNoise(5.0, 25.0), waves) - np.asarray(waves)
    ratios = 10 * np.log10(np.square(waves).mean(1) / np.square(noise).mean(1))
    assert 4.5 < ratios.min() < 6
    assert 24 < ratios.max() < 25.5
    assert ratios.mean() == pytest.approx(15, abs=1.5)  # five standard errors of a mean of 200
    correlation = np.corrcoef(noise[:50])
    assert np.abs(correlation - np.eye(50)).max() < 0.1  # each has noise of its own
    fixed = augmented(WhiteNoise(20.0, 20.0), waves) - np.asarray(waves)
    np.testing.assert_allclose(np.square(fixed).mean(), 0.01 * np.square(waves).mean(), rtol=0.01)
    np.testing.assert_array_equal(augmented(WhiteNoise(), jnp.zeros((3, 10))), np.zeros((3, 10)))


def test_speed_changes_pitch_and_duration_alike():
    rate, tone, length = 8000, 200.0, 4000
    played = np.sin(2 * np.pi * tone * np.arange(length) / rate) * (np.arange(length) < 2000)
    waves = jnp.tile(jnp.asarray(played, jnp.float32), (100, 1))
    speeds = []
    for wave in augmented(SpeedChange(0.25), waves):
        duration = np.flatnonzero(np.abs(wave) > 0.05)[-1]
        crossings = (np.diff(np.signbit(wave[:duration])) != 0).sum()
        speeds.append(2000 / duration)
        assert crossings * rate / (2 * duration) == pytest.approx(tone * speeds[-1], rel=0.03)
        # The same samples, read at other times.
        expected = np.interp(np.arange(duration) * speeds[-1], np.arange(length), played)
        assert np.corrcoef(expected, wave[:duration])[0, 1] > 0.99
    logs = np.log(speeds) / np.log(1.25)
    assert (logs.min(), logs.max()) == (pytest.approx(-1, abs=0.1), pytest.approx(1, abs=0.1))
    assert logs.mean() == pytest.approx(0, abs=0.2)  # even in the logarithm: 3.5 standard errors


def test_warped_frequencies_are_those_of_another_place():
    ramp = jnp.broadcast_to(jnp.arange(12.0)[None, None, :, None], (200, 3, 12, 1))
    factors = []
    for after in augmented(FrequencyWarp(0.2), ramp):
        factor = after[0, 1, 0]
        np.testing.assert_allclose(after[..., 0], np.tile(np.minimum(np.arange(12) * factor, 11), (3, 1)), rtol=1e-5)
        factors.append(factor)
    logs = np.log(factors) / np.log(1.2)
    assert -1 <= logs.min() < -0.95
    assert 0.95 < logs.max() <= 1.0001


def test_a_filter_is_straight_between_its_points_and_the_same_in_all_frames():
    curves = augmented(RandomFilter(0.5, 3), SPECTROGRAMS[:, :, :11]) - np.asarray(SPECTROGRAMS[:, :, :11])
    np.testing.assert_allclose(curves, np.broadcast_to(curves[:, :1], curves.shape), atol=1e-6)
    gains = curves[:, 0, [0, 5, 10], 0]  # (example, point)
    straight = np.stack([np.interp(np.arange(11), [0, 5, 10], gain) for gain in gains])
    np.testing.assert_allclose(curves[:, 0, :, 0], straight, atol=1e-6)
    assert np.abs(gains).max() <= 0.5
    np.testing.assert_allclose(gains.std(0), 1 / np.sqrt(12), atol=0.02)  # uniform over a width of 1
    assert np.abs(np.corrcoef(gains.T) - np.eye(3)).max() < 0.2


def test_spec_augment_masks_one_band_and_one_run_of_frames():
    widths = []
    for before, after in zip(np.asarray(SPECTROGRAMS), augmented(SpecAugment(3, 1, 4, 1, value=-1.0), SPECTROGRAMS)):
        hidden = (after == -1)[..., 0]  # (frame, frequency)
        np.testing.assert_array_equal(after[~hidden], before[~hidden])
        rows, columns = hidden.all(1), hidden.all(0)
        np.testing.assert_array_equal(hidden, rows[:, None] | columns[None])
        for places in (np.flatnonzero(rows), np.flatnonzero(columns)):
            assert len(places) == (np.ptp(places) + 1 if len(places) else 0)
        widths.append((rows.sum(), columns.sum()))
    for count, most in zip(np.array(widths).T, (4, 3)):
        shares = np.bincount(count) / len(count)
        assert len(shares) == most + 1
        np.testing.assert_allclose(shares, 1 / (most + 1), atol=0.12)


def test_masks_reach_every_place_and_no_further():
    hidden = augmented(SpecAugment(0, 1, 4, 3, value=-1.0), SPECTROGRAMS)[..., 0, 0] == -1
    assert hidden.any(0).all()
    assert 4 < hidden.sum(1).max() <= 12  # of three masks
    # As many places as there are may be asked for, or more.
    assert (augmented(SpecAugment(100, 1, 0, 0, value=-1.0), SPECTROGRAMS) == -1).all((1, 2, 3)).any()


@pytest.mark.parametrize(
    ("nothing", "inputs"),
    [(TimeShift(0.0), WAVES), (WhiteNoise(300.0, 300.0), WAVES), (SpecAugment(0, 1, 0, 1), SPECTROGRAMS),
     (SpecAugment(5, 0, 5, 0), SPECTROGRAMS), (SpeedChange(0.0), WAVES), (FrequencyWarp(0.0), SPECTROGRAMS),
     (RandomFilter(0.0), SPECTROGRAMS)],
)  # fmt: skip
def test_augmentations_of_no_strength_change_nothing(nothing, inputs):
    np.testing.assert_array_equal(augmented(nothing, inputs), inputs)


@pytest.mark.parametrize(
    ("augmentation", "inputs"),
    [(TimeShift(), WAVES), (SpeedChange(), WAVES), (WhiteNoise(), WAVES), (SpecAugment(), SPECTROGRAMS),
     (FrequencyWarp(), SPECTROGRAMS), (RandomFilter(), SPECTROGRAMS)],
)  # fmt: skip
def test_augmentations_are_functions_of_the_key(augmentation, inputs):
    first = augmented(augmentation, inputs)
    np.testing.assert_array_equal(first, augmented(augmentation, inputs))
    assert not np.array_equal(first, augmented(augmentation, inputs, jax.random.key(1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeShift(1.5), "TimeShift.max_fraction is 1.5"),
        (lambda: WhiteNoise(20.0, 10.0), "WhiteNoise.min_snr_db is 20.0 and max_snr_db 10.0"),
        (lambda: SpeedChange(-0.1), "SpeedChange.max_change is -0.1; it must be 0 or more"),
        (lambda: FrequencyWarp(-0.1), "FrequencyWarp.max_change is -0.1; it must be 0 or more"),
        (lambda: RandomFilter(points=1), "RandomFilter.points is 1; it must be 2 or more"),
        (lambda: SpecAugment(time_mask_width=-1), "SpecAugment.time_mask_width is -1; it must be 0 or more"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(UserError, match=message):
        make()


def stepped(devices):
    """Trains a step in tiles of 2 rows on waveforms: augmented as they come and as spectrograms."""
    layout = Layout(tuple(jax.devices()[:devices]), "pmap")
    model, tx = jaxflow.MLP(hidden=(8,), outputs=3), optax.sgd(0.5)
    transform = partial(LogMel(8, 0.032, 0.016), {"rate": 1000})
    chain = (TimeShift(0.2), SpeedChange(), WhiteNoise(), FrequencyWarp(), RandomFilter(), SpecAugment(3, 1, 3, 1))
    step = jaxflow.make_train_step(
        model,
        jaxflow.Classification(),
        tx,
        augment_raw=partial(augment.apply, chain, raw=True),
        transform=transform,
        augment=partial(augment.apply, chain, raw=False),
        microbatch=2,
        axis_name=layout.axis_name,
    )
    compiled = parallelize(step, layout, (None, 0), (None, None), donate=(0,))
    waves = np.random.RandomState(0).randn(8, 200).astype(np.float32)
    state = layout.replicate(jaxflow.init_state(model, tx, jax.random.key(0), transform(waves[:1])))
    state, _ = compiled(state, {"inputs": waves, "targets": np.arange(8, dtype=np.int32) % 3})
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state.params)]


@pytest.mark.slow
def test_tiles_are_augmented_alike_on_any_number_of_devices():
    for one, many in zip(stepped(1), stepped(4), strict=True):
        np.testing.assert_allclose(one, many, atol=1e-6)
