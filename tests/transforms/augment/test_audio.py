from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import LogMel, SpecAugment, TimeShift, UserError, WhiteNoise
from jaxflow.training.parallel.compile import parallelize
from jaxflow.training.parallel.layout import Layout
from jaxflow.transforms import augment

KEY = jax.random.key(0)
WAVES = jnp.asarray(1 + np.random.RandomState(0).rand(64, 50), jnp.float32)  # nowhere silent
SPECTROGRAMS = jnp.asarray(np.random.RandomState(0).rand(256, 20, 12, 1), jnp.float32)


def augmented(augmentation, inputs, key=KEY):
    batch = {"inputs": inputs, "targets": jnp.zeros(len(inputs), jnp.int32)}
    done = jax.jit(augmentation.__call__)(key, batch)
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
     (SpecAugment(5, 0, 5, 0), SPECTROGRAMS)],
)  # fmt: skip
def test_augmentations_of_no_strength_change_nothing(nothing, inputs):
    np.testing.assert_array_equal(augmented(nothing, inputs), inputs)


@pytest.mark.parametrize(
    ("augmentation", "inputs"), [(TimeShift(), WAVES), (WhiteNoise(), WAVES), (SpecAugment(), SPECTROGRAMS)]
)
def test_augmentations_are_functions_of_the_key(augmentation, inputs):
    first = augmented(augmentation, inputs)
    np.testing.assert_array_equal(first, augmented(augmentation, inputs))
    assert not np.array_equal(first, augmented(augmentation, inputs, jax.random.key(1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeShift(1.5), "TimeShift.max_fraction is 1.5"),
        (lambda: WhiteNoise(20.0, 10.0), "WhiteNoise.min_snr_db is 20.0 and max_snr_db 10.0"),
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
    chain = (TimeShift(0.2), WhiteNoise(), SpecAugment(3, 1, 3, 1))
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
