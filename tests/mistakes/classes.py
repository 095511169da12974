"""Own classes with a mistake: (slot, definition, expression), by what the class is."""

MODEL = """
class Own(nn.Module):
    outputs: int | None = None
    @nn.compact
    def __call__(self, inputs, train=False):
        x = nn.Dense(self.outputs)(inputs.reshape(len(inputs), -1))
{}
"""
MODELS = [
    "        return x.sum()",
    "        return None",
    "        return (x, x)",
    "        return {'outputs': x}",
    "        return [x]",
    "        return jnp.zeros((len(inputs), self.outputs))[:0]",
    "        return x[:1].repeat(3, 0)",
    "        return x[:-1]",
    "        return x.T",
    "        return x[..., None]",
    "        return x[:, 0]",
    "        return x[:, :1]",
    "        return x.argmax(-1)",
    "        return x > 0",
    "        return x.astype(jnp.int32)",
    "        return x.astype(jnp.complex64)",
    "        return 'text'",
    "        return 3",
    "        return np.asarray(x)",
    "        return float(x.sum())",
    "        if x.sum() > 0:\n            return x\n        return -x",
    "        return x + jnp.ones(7)",
    "        return x @ x",
    "        return self.missing(x)",
    "        return undefined(x)",
    "        raise ValueError('no')",
    "        raise NotImplementedError",
    "        raise SystemExit(3)",
    "        import sys\n        sys.exit(0)",
    "        return 1 / 0",
    "        yield x",
    "        self.outputs = 4\n        return x",
    "        y = self.variable('batch_stats', 'm', lambda: jnp.zeros(3))\n"
    "        if train:\n            y.value = jnp.zeros(5)\n        return x",
    "        y = self.variable('batch_stats', 'm', lambda: jnp.zeros(3))\n"
    "        if train:\n            y.value = None\n        return x",
    "        if train:\n            x = nn.Dense(self.outputs)(x)\n        return x",
    "        if train:\n            x = x[:, :1]\n        return x",
    "        if train:\n            return None\n        return x",
    "        return nn.Dropout(2.0, deterministic=not train)(x) if train else nn.Dense(-1)(x)",
    "        return nn.Dense('a')(x)",
    "        return x + self.make_rng('augment').sum()",
    "        return nn.Conv(3, (3, 3))(inputs[:, :, None, None, None, None])",
]
# Models that are no such method.
BARE = """
class Own(nn.Module):
{}
"""
BARES = [
    "    pass",
    "    def forward(self, x): return x",
    "    def __call__(self): return 1",
    "    def __call__(self, inputs): return inputs",
    "    def __call__(self, inputs, training): return inputs",
    "    def __call__(self, inputs, train, mask): return inputs",
    "    outputs: int | None = None\n    def __call__(self, inputs, train=False): return jnp.zeros((len(inputs), self.outputs))",
    "    outputs: int | None = None\n    def __call__(self, inputs, train=False): return nn.Dense(self.outputs)(inputs)",
    "    outputs: int | None = None\n    def setup(self): self.dense = nn.Dense(self.outputs)\n"
    "    def __call__(self, inputs, train=False): return self.dens(inputs)",
    "    width: int\n    @nn.compact\n    def __call__(self, inputs, train=False): return nn.Dense(2)(inputs)",
    "    outputs: int | None = None\n    async def __call__(self, inputs, train=False): return inputs",
    "    outputs: int | None = None\n    table: dict = dataclasses.field(default_factory=dict)\n    @nn.compact\n"
    "    def __call__(self, inputs, train=False): return nn.Dense(self.outputs)(inputs)",
    "    outputs: int | None = None\n    act: object = nn.relu\n    @nn.compact\n"
    "    def __call__(self, inputs, train=False): return nn.Dense(self.outputs)(self.act(inputs))",
    "    outputs: int | None = None\n    scale: float = float('nan')\n    @nn.compact\n"
    "    def __call__(self, inputs, train=False): return nn.Dense(self.outputs)(inputs)",
]  # fmt: skip

OWN = """
@dataclass(frozen=True)
class Own:
{}
"""
ROWS = "np.zeros((20, 2), np.float32)"
LABELS = "(np.arange(20) % 2)"
GOOD = f"({ROWS}, {LABELS})"
SOURCES = [
    "    pass",
    "    load: int = 3",
    "    def load(self): pass",
    "    def load(self, path): return 1",
    "    def load(): return 1",
    "    def load(self): return {'train': 1}",
    f"    def load(self): return {GOOD}",
    "    def load(self): return 'data'",
    "    def load(self): raise OSError('gone')",
    "    def load(self): raise SystemExit('gone')",
    "    def load(self): return open('/nowhere/data.csv')",
    "    def load(self): return self.read()",
    "    def load(self): yield 1",
    "    async def load(self): return 1",
    "    def load(self): return jaxflow.from_arrays({})",
    f"    def load(self): return jaxflow.from_arrays({{'train': {GOOD}}})",
    f"    def load(self): return jaxflow.from_arrays({{'test': {GOOD}}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': {GOOD}, 'test': ({ROWS}, {LABELS}[:5])}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': {GOOD}, 'test': ({ROWS}[:, :1], {LABELS})}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': {GOOD}, 'test': ({ROWS}[:0], {LABELS}[:0])}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': {GOOD}, 'test': ({ROWS}, {LABELS} * 1j)}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': {GOOD}, 'test': ({ROWS}, {LABELS} - 5)}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': ({ROWS}, None), 'test': ({ROWS}, None)}})",
    f"    def load(self): return jaxflow.from_arrays({{'train': ({ROWS}, ['a'] * 20), 'test': ({ROWS}, ['a'] * 20)}})",
    "    def load(self): return jaxflow.from_arrays({'train': ('a', 'b'), 'test': ('a', 'b')})",
    "    def load(self): return jaxflow.from_arrays([1, 2])",
    "    def load(self): return jaxflow.Dataset({}, None)",
    "    def load(self): return jaxflow.Dataset({'train': [1, 2]}, 'schema')",
    "    def load(self): return dataclasses.replace(toy(), schema=None)",
    "    def load(self): return dataclasses.replace(toy(), splits=None)",
    "    def load(self): return dataclasses.replace(toy(), splits={'train': None})",
    "    def load(self): return dataclasses.replace(toy(), splits={'train': [1, 2, 3]})",
    "    def load(self): return dataclasses.replace(toy(), splits={'train': toy().splits['train'], 'test': 3})",
    "    def load(self):\n"
    "        return dataclasses.replace(toy(), schema=Schema(Feature('vector', (3,), 'float32'), toy().schema.target))",
    "    def load(self):\n"
    "        return dataclasses.replace(toy(), schema=Schema(Feature('vector', (2,), 'uint8'), toy().schema.target))",
    "    def load(self):\n"
    "        return dataclasses.replace(toy(), schema=Schema(Feature('vector', [2], 'float32'), toy().schema.target))",
    "    def load(self):\n"
    "        return dataclasses.replace(toy(), schema=Schema(toy().schema.inputs, Target('number', ('y',))))",
    "    def load(self):\n"
    "        return dataclasses.replace(toy(), schema=Schema(toy().schema.inputs, Target('class', ())))",
    "    def load(self):\n"
    "        return dataclasses.replace(toy(), schema=Schema(toy().schema.inputs, Target('class', ('a',))))",
    "    def load(self): return dataclasses.replace(toy(), splits=dict.fromkeys(('train', 'test'), Split()))",
]  # fmt: skip
SPLIT = """
def toy():
    return Playground("xor", examples=40).load()
class Split:
    def __len__(self): return 20
    def rows(self, indices): return {{"inputs": np.zeros((len(indices), 2), np.float32), "targets": self.targets[indices]}}
    def id(self, index): return str(index)
    targets = (np.arange(20) % 2).astype(np.int32)
    nbytes = 100
class Wrong(Split):
{}
@dataclass(frozen=True)
class Own:
    def load(self):
        return dataclasses.replace(toy(), splits=dict.fromkeys(("train", "test"), Wrong()))
"""
SPLITS = [
    "    def rows(self): return 1",
    "    def rows(self, indices): return None",
    "    def rows(self, indices): return np.zeros((len(indices), 2))",
    "    def rows(self, indices): return {'inputs': np.zeros((len(indices), 2), np.float32)}",
    "    def rows(self, indices): return super().rows(indices[:1])",
    "    def rows(self, indices): return super().rows(indices) | {'inputs': np.zeros((len(indices), 3), np.float32)}",
    "    def rows(self, indices): return super().rows(indices) | {'inputs': np.zeros((len(indices), 2), np.int64)}",
    "    def rows(self, indices): return super().rows(indices) | {'inputs': [[1, 2]] * len(indices)}",
    "    def rows(self, indices): return super().rows(indices) | {'targets': np.zeros(len(indices), np.float64)}",
    "    def rows(self, indices): return super().rows(indices) | {'targets': np.zeros((len(indices), 1), np.int32)}",
    "    def rows(self, indices): raise KeyError(3)",
    "    def id(self): return 'a'",
    "    def id(self, index): return index",
    "    def id(self, index): return None",
    "    def id(self, index): raise IndexError('no id')",
    "    targets = None",
    "    targets = [0, 1] * 10",
    "    targets = np.arange(5)",
    "    targets = np.full(20, 7)",
    "    targets = np.full(20, np.nan)",
    "    targets = np.array(['a'] * 20)",
    "    nbytes = None",
    "    nbytes = 'many'",
    "    def __len__(self): return 0",
    "    def __len__(self): return -1",
    "    def __len__(self): return 2.5",
    "    def __len__(self): return None",
    "    __len__ = None",
    "    rows = None",
    "    id = 'name'",
]
TRANSFORMS = [
    "    pass",
    "    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return []",
    "    def fit(self): return []\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return []\n    def __call__(self, inputs): return inputs",
    "    def fit(self, inputs): return {1, 2}\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return np.zeros(3)\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return np.float32(3)\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return self\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return len\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): yield 1\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): raise ValueError('no')\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return inputs.mean()\n    def __call__(self, fitted, inputs): return inputs",
    "    def fit(self, inputs): return {3: 1.0}\n    def __call__(self, fitted, inputs): return inputs * fitted[3]",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return None",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return 3.0",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return inputs.sum()",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return (inputs, inputs)",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return inputs[:1]",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return 'text'",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return inputs + fitted[0]",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return np.asarray(inputs)",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): return inputs.mean_()",
    "    def fit(self, inputs): return []\n    def __call__(self, fitted, inputs): raise SystemExit",
]
AUGMENTATIONS = [
    "    pass",
    "    def __call__(self, batch): return batch",
    "    def __call__(self, key, batch, extra): return batch",
    "    def __call__(self, key, batch): return None",
    "    def __call__(self, key, batch): return batch['inputs']",
    "    def __call__(self, key, batch): return (key, batch)",
    "    def __call__(self, key, batch): return {'inputs': batch['inputs']}",
    "    def __call__(self, key, batch): return {'x': 1}",
    "    def __call__(self, key, batch): return batch | {'inputs': None}",
    "    def __call__(self, key, batch): return batch | {'inputs': batch['inputs'][:, :1]}",
    "    def __call__(self, key, batch): return batch | {'inputs': batch['inputs'][:1].repeat(3, 0)}",
    "    def __call__(self, key, batch): return batch | {'inputs': batch['inputs'].sum()}",
    "    def __call__(self, key, batch): return batch | {'targets': batch['targets'][..., None]}",
    "    def __call__(self, key, batch): return batch | {'targets': None}",
    "    def __call__(self, key, batch): return batch | {'targets': batch['targets'] + 0.5}",
    "    def __call__(self, key, batch): return batch | {'inputs': 'a'}",
    "    def __call__(self, key, batch): return batch['images']",
    "    def __call__(self, key, batch): batch['inputs'] += float(batch['inputs'].sum()); return batch",
    "    def __call__(self, key, batch): raise RuntimeError('no')",
    "    def __call__(self, key, batch): raise SystemExit(1)",
    "    def __call__(self, key, batch): return jax.random.uniform(key, (3,)) + batch['inputs']",
    "    def __call__(self, key, batch): return batch | {'mix_weight': jnp.ones(3)}",
    "    raw = True\n    def __call__(self, key, batch): return None",
    "    names: list = None\n    def __call__(self, key, batch): return batch | {'inputs': batch['inputs'][self.names]}",
]
LOSSES = [
    "    pass",
    "    def __call__(self, outputs): return outputs",
    "    def __call__(self, outputs, targets): return None",
    "    def __call__(self, outputs, targets): return outputs.mean()",
    "    def __call__(self, outputs, targets): return outputs",
    "    def __call__(self, outputs, targets): return 0.0",
    "    def __call__(self, outputs, targets): return (outputs, targets)",
    "    def __call__(self, outputs, targets): return targets",
    "    def __call__(self, outputs, targets): return outputs[:, 0] > 0",
    "    def __call__(self, outputs, targets): return outputs[:, 5] @ targets",
    "    def __call__(self, outputs, targets): return float(outputs[0, 0])",
    "    def __call__(self, outputs, targets): raise ValueError('no')",
    "    def __call__(self, outputs, targets): return undefined",
    "    def __call__(self, outputs, targets): return outputs - targets",
    "    def fit(self): return self\n    def __call__(self, outputs, targets): return outputs[:, 0]",
    "    def fit(self, targets): return None\n    def __call__(self, outputs, targets): return outputs[:, 0]",
    "    def fit(self, targets): raise ValueError('no')\n    def __call__(self, outputs, targets): return outputs[:, 0]",
]
NAMED = "    name: ClassVar[str] = 'own'\n    higher_is_better: ClassVar[bool] = True\n    unit: ClassVar[str] = ''\n"
METRICS = [
    "    pass",
    "    def __call__(self, batch): return 1",
    NAMED,
    NAMED + "    def __call__(self): return 1",
    NAMED + "    def __call__(self, outputs, targets): return 1",
    NAMED + "    def __call__(self, batch): return None",
    NAMED + "    def __call__(self, batch): return 0.5",
    NAMED + "    def __call__(self, batch): return batch.losses",
    NAMED + "    def __call__(self, batch): return batch.losses.mean()",
    NAMED + "    def __call__(self, batch): return batch.logits",
    NAMED + "    def __call__(self, batch): return Mean.of(batch.losses)",
    NAMED + "    def __call__(self, batch): return {'a': Mean.of(batch.losses, batch.weights)}",
    NAMED + "    def __call__(self, batch): return float(batch.losses.sum())",
    NAMED + "    def __call__(self, batch): raise ValueError('no')",
    NAMED.replace("'own'", "'loss'") + "    def __call__(self, batch): return Mean.of(batch.losses, batch.weights)",
    NAMED.replace("'own'", "'epoch'") + "    def __call__(self, batch): return Mean.of(batch.losses, batch.weights)",
    NAMED.replace("'own'", "3") + "    def __call__(self, batch): return Mean.of(batch.losses, batch.weights)",
    NAMED.replace("'own'", "None") + "    def __call__(self, batch): return Mean.of(batch.losses, batch.weights)",
]
OPTIMIZER = """
@dataclass(frozen=True)
class Own(Optimizer):
{}
"""
OPTIMIZERS = [
    "    pass",
    "    def direction(self, x): return optax.identity()",
    "    def direction(self): return None",
    "    def direction(self): return 'sgd'",
    "    def direction(self): return optax",
    "    def direction(self): return optax.adam",
    "    def direction(self): return lambda grads: grads",
    "    def direction(self): return optax.scale_by_adam('a')",
    "    def direction(self): raise ValueError('no')",
    "    def direction(self): raise SystemExit('no')",
    "    def direction(self): return optax.stateless(lambda updates, params: None)",
    "    def direction(self): return optax.stateless(lambda updates, params: jax.tree.map(lambda x: x[..., None], updates))",
    "    def direction(self): return optax.GradientTransformation(lambda p: 3, lambda u, s, p: (u, None))",
    "    def direction(self): return optax.GradientTransformation(lambda p: None, lambda u: u)",
    "    def direction(self): return optax.GradientTransformation(lambda p: jnp.zeros(3), lambda u, s, p: (u, jnp.zeros(4)))",
    "    def direction(self):\n"
    "        return optax.GradientTransformation(lambda p: jnp.zeros(3), lambda u, s, p: (u, jnp.zeros(3, jnp.int32)))",
    "    b1: float\n    def direction(self): return optax.identity()",
    "    def transformation(self, total_steps): return None",
    "    def transformation(self): return optax.identity()",
    "    def __post_init__(self): raise ValueError('no')",
]  # fmt: skip
SCHEDULES = [
    "    pass",
    "    warmup_steps: int = 0",
    "    def factor(self, progress): return progress",
    "    warmup_steps: int = 0\n    def factor(self): return 1.0",
    "    warmup_steps: int = 0\n    def factor(self, progress): return None",
    "    warmup_steps: int = 0\n    def factor(self, progress): return 'fast'",
    "    warmup_steps: int = 0\n    def factor(self, progress): return jnp.ones(3)",
    "    warmup_steps: int = 0\n    def factor(self, progress): return (progress, progress)",
    "    warmup_steps: int = 0\n    def factor(self, progress): return 1.0 if progress > 0.5 else 0.1",
    "    warmup_steps: int = 0\n    def factor(self, progress): return math.cos(progress)",
    "    warmup_steps: int = 0\n    def factor(self, progress): raise ValueError('no')",
    "    warmup_steps: str = 'a'\n    def factor(self, progress): return progress",
    "    warmup_steps: object = None\n    def factor(self, progress): return progress",
    "    def factor(self, progress): return progress\n    def warmup_steps(self): return 0",
]
RULES = [
    "    pass",
    "    def split(self): return {}",
    "    def split(self, examples): return None",
    "    def split(self, examples): return {}",
    "    def split(self, examples): return {'train': None}",
    "    def split(self, examples): return {'test': np.arange(10)}",
    "    def split(self, examples): return np.arange(10)",
    "    def split(self, examples): return {'train': np.arange(10) + 10**6, 'test': np.arange(3)}",
    "    def split(self, examples): return {'train': np.arange(10) / 3, 'test': np.arange(3)}",
    "    def split(self, examples): return {'train': 'all', 'test': np.arange(3)}",
    "    def split(self, examples): return {'train': np.arange(0), 'test': np.arange(3)}",
    "    def split(self, examples): return examples.labels",
    "    def split(self, examples): raise ValueError('no')",
]
TTAS = [
    "    pass",
    "    def __call__(self): return []",
    "    def __call__(self, inputs): return inputs",
    "    def __call__(self, inputs): return None",
    "    def __call__(self, inputs): return []",
    "    def __call__(self, inputs): return [inputs]",
    "    def __call__(self, inputs): return [(1.0, None)]",
    "    def __call__(self, inputs): return [(1.0, inputs[:1].sum())]",
    "    def __call__(self, inputs): return [('a', inputs)]",
    "    def __call__(self, inputs): return [(None, inputs)]",
    "    def __call__(self, inputs): return [(0.5, inputs), (0.5, inputs[:, :1])]",
    "    def __call__(self, inputs): return [(1.0, inputs, 3)]",
    "    def __call__(self, inputs): raise ValueError('no')",
]
PROBLEM = """
@dataclass(frozen=True)
class Own(Classification):
{}
"""
PROBLEMS = [
    "    losses = None",
    "    def fit(self): return self",
    "    def fit(self, targets): return None",
    "    def fit(self, targets): return 3",
    "    def fit(self, targets): raise ValueError('no')",
    "    def num_outputs(self): return 2",
    "    def num_outputs(self, schema): return None",
    "    def num_outputs(self, schema): return 'two'",
    "    def num_outputs(self, schema): return 2.0",
    "    def num_outputs(self, schema): return 0",
    "    def num_outputs(self, schema): return -1",
    "    def num_outputs(self, schema): raise KeyError('y')",
    "    def losses(self, outputs): return outputs",
    "    def losses(self, outputs, targets): return None",
    "    def losses(self, outputs, targets): return outputs.mean()",
    "    def losses(self, outputs, targets): return (outputs, 1)",
    "    def losses(self, outputs, targets): return outputs[:, 0, 0]",
    "    def predictions(self, outputs): return None",
    "    def predictions(self, outputs): raise ValueError('no')",
    "    def predictions(self): return 1",
    "    def distribution(self, outputs): return None",
    "    def distribution(self, outputs): raise ValueError('no')",
    "    def distribution(self): return 1",
    "    def running_metrics(self, outputs, targets, losses, weights): return None",
    "    def running_metrics(self, outputs, targets, losses, weights): return {}",
    "    def running_metrics(self, outputs, targets, losses, weights): return {'loss': 1.0}",
    "    def running_metrics(self, outputs, targets, losses, weights): return {'loss': losses}",
    "    def running_metrics(self, outputs, targets, losses, weights): return [Mean.of(losses, weights)]",
    "    def running_metrics(self, outputs, targets, losses, weights): return {'x': Mean.of(losses, weights)}",
    "    def running_metrics(self, outputs, targets): return {}",
    "    def running_metrics(self, outputs, targets, losses, weights): raise ValueError('no')",
    "    selection_metric: str = 'f1'",
    "    metrics: tuple = ()\n    selection_metric: str = 'accuracy'",
]

# By family: the slot's expression in which the class is used, the frame around a body, and the bodies.
FAMILIES = {
    "models": ("model=Own()", MODEL, MODELS),
    "bare_models": ("model=Own()", BARE, BARES),
    "sources": ("data=Own()", "class Split:\n    pass\n" + OWN, SOURCES),
    "splits": ("data=Own()", SPLIT, SPLITS),
    "transforms": ("preprocess=(Own(),)", OWN, TRANSFORMS),
    "augmentations": ("augment=(Own(),)", OWN, AUGMENTATIONS),
    "losses": ("problem=Classification(loss=Own())", OWN, LOSSES),
    "metrics": ("problem=Classification(metrics=(Own(),))", OWN, METRICS),
    "optimizers": ("optimizer=Own()", OPTIMIZER, OPTIMIZERS),
    "schedules": ("optimizer=Adam(schedule=Own())", OWN, SCHEDULES),
    "rules": ("data=Playground('xor', examples=40, split=Own())", OWN, RULES),
    "ttas": ("tta=Own()", OWN, TTAS),
    "problems": ("problem=Own()", PROBLEM, PROBLEMS),
}  # fmt: skip
