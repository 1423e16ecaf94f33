"""Reads a PyTorch state dict without PyTorch, and without running anything that the file may contain.

The format is the one that torch.save wrote before version 1.6: five pickles (magic number, protocol version, system
information, the dictionary, the list of storage keys), then for each storage its length in values (int64) and its
values, little-endian.
"""

import collections
import io
import pickle

import numpy as np

from archives import Failure

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage:
    def __init__(self, dtype: str, count: int):
        self.dtype, self.count, self.values = dtype, count, None


class _Tensor:
    """A tensor whose storage has not been read yet."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple, strides: tuple, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        values = self.storage.values[self.offset :]
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries and tensors; every other name in the file is refused."""

    def __init__(self, file: io.BytesIO, storages: dict[str, _Storage]):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise Failure(f"The weights file asks for {module}.{name}, which a state dict has no need of.\nIt is not read.")

    def persistent_load(self, saved: tuple):
        _kind, dtype, key, _location, count, _view = saved
        return self.storages.setdefault(key, _Storage(dtype, count))


def read(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of the state dict in `data`, by name."""
    file, storages = io.BytesIO(data), {}
    magic, _protocol, _system, tensors, keys = (_Unpickler(file, storages).load() for _ in range(5))
    if magic != MAGIC_NUMBER:
        raise Failure("The weights file is not a state dict in PyTorch's old format.\nCheck models/catalogue.toml.")
    for key in keys:
        storage = storages[key]
        (count,) = np.frombuffer(file.read(8), "<i8")
        if count != storage.count:
            raise Failure("The weights file contradicts itself about the length of a tensor.\nFetch it again.")
        dtype = np.dtype(storage.dtype)
        storage.values = np.frombuffer(file.read(storage.count * dtype.itemsize), dtype)
    return {name: tensor.array() for name, tensor in tensors.items()}
