"""Networks of this project: options as JSON, weights as safetensors; the backbones.

States are (batch, length, hidden), one row per token, padding on the right. The files
are those of a Hugging Face model folder, but nothing here loads transformers: that
takes longer than most steps work.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from error_sequence_model.backbones.attention import drop_full_mask
from error_sequence_model.core import write_json


@dataclass
class NetworkConfig:
    """Options of a network: the fields of a dataclass, of a type each.

    Attributes:
        model_type: Name of the kind of network, in ``config.json``.
        attribute_map: Other names of fields, as other families call them.

    Raises:
        TypeError: A value is of another type than its field.
    """

    model_type: ClassVar[str]
    attribute_map: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        """Check the types."""
        for name, expected in get_types(type(self)).items():
            check_type(name, getattr(self, name), expected)

    def __getattr__(self, name: str) -> Any:
        """Find a field by its other name."""
        field = type(self).attribute_map.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        return getattr(self, field)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Take the fields from a ``config.json``; it may hold more."""
        types = get_types(cls)
        return cls(**{name: content[name] for name in content if name in types})

    def to_dict(self) -> dict[str, Any]:
        """Give what ``config.json`` holds."""
        return {"model_type": self.model_type, **dataclasses.asdict(self)}


@cache
def get_types(config_class: type) -> dict[str, Any]:
    """Types of the fields of a configuration, by name, without those of its base.

    The base is the last of its classes that is a dataclass: ours, or transformers'.
    """
    classes = [c for c in config_class.__mro__ if dataclasses.is_dataclass(c)]
    inherited = {field.name for field in dataclasses.fields(classes[-1])}
    annotations: dict[str, Any] = {}
    for parent in reversed(classes[:-1]):
        annotations |= inspect.get_annotations(parent, eval_str=True)
    names = [field.name for field in dataclasses.fields(config_class)]
    return {name: annotations[name] for name in names if name not in inherited}


def check_type(name: str, value: Any, expected: Any) -> None:
    """Refuse a value that is not of the type of its field.

    Raises:
        TypeError: Says what was expected.
    """
    if not _is_of_type(value, expected):
        wanted = getattr(expected, "__name__", str(expected))
        raise TypeError(f"{name} {value!r}: expected {wanted}")


def _is_of_type(value: Any, expected: Any) -> bool:
    origin, parts = get_origin(expected), get_args(expected)
    if isinstance(expected, UnionType):
        return any(_is_of_type(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin in (list, tuple):
        return isinstance(value, origin) and all(
            _is_of_type(item, parts[0]) for item in value
        )
    kind = origin or expected
    is_odd = isinstance(value, bool) and kind in (int, float)
    return not is_odd and (not isinstance(kind, type) or isinstance(value, kind))


class Network(nn.Module):
    """A network made from its options alone.

    Attributes:
        config: The options.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        named = {"architectures": [type(self).__name__], **self.config.to_dict()}
        write_json(folder / "config.json", named)
        weights = {n: tensor.contiguous() for n, tensor in self.state_dict().items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


class BackboneOutput(NamedTuple):
    """What a backbone says of a batch.

    Attributes:
        last_hidden_state: (batch, length, hidden).
        hidden_states: Of all layers, the first states before them; if asked for.
        attentions: Per layer (batch, heads, queries, keys); if asked for.
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Backbone(Network):
    """A genomic language model without heads; ``inputs_embeds`` are word embeddings.

    A family names its embedding and gives its layers, what they start from, and what
    happens to the last states. Each layer takes states, what `start` gave beside them,
    and whether attention is asked for; it returns states and attention or ``None``.

    Attributes:
        words: Name of the embedding.
        can_pack: Whether it takes sequences that follow each other in one row.
        has_bias: Whether attention adds something for the distance of two tokens, which
            a GPU's kernel for such rows cannot.
    """

    words: ClassVar[str] = "embeddings.word_embeddings"
    can_pack: ClassVar[bool] = False
    has_bias: ClassVar[bool] = False
    is_recomputing = False

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw new weights, at the end of ``__init__``; parts before their whole."""
        if self.device.type != "meta":
            self.apply(self._init_weights)

    def _init_weights(self, module: nn.Module) -> None:
        """Draw the weights of one module; torch's own, where a family says nothing."""

    def activation_checkpointing_enable(self) -> None:
        """From now on compute the layers twice in training, instead of keeping them."""
        self.is_recomputing = True

    def start(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None,
        need_weights: bool,
        **more: Any,
    ) -> tuple[Any, ...]:
        """Give the first states, and what every layer is called with beside states."""
        raise NotImplementedError

    def get_layers(self) -> Iterable[nn.Module]:
        """Give the layers in their order."""
        raise NotImplementedError

    def finish(self, all_states: list[Tensor]) -> None:
        """Put the last states right, as by a final norm; in place."""

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embedding, whose output ``inputs_embeds`` replaces."""
        return self.get_submodule(self.words)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        **more: Any,
    ) -> BackboneOutput:
        """Run the model.

        Args:
            input_ids: Token ids, int64 (batch, length), special ones included.
            attention_mask: 1 at tokens, 0 at padding on the right, (batch, length).
            inputs_embeds: Word embeddings (batch, length, width) instead of ids.
            output_hidden_states: Whether to return the states of all layers.
            output_attentions: Whether to return attention (then not fused).
            **more: What the family takes beside; where it ``can_pack``, ``lengths``:
                int64 (n,), tokens of sequences that follow each other in one row,
                without padding, and ``longest``: the most of them, a number.

        Returns:
            ``last_hidden_state`` (batch, length, hidden); ``hidden_states``: the first
            states, then each layer's, the last ones as `finish` leaves them;
            ``attentions``: per layer (batch, heads, queries, keys), ``None`` where the
            family has none. States at padding mean nothing.

        Raises:
            InputError: The input is longer than the family allows.
        """
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        mask = drop_full_mask(attention_mask)
        states, *context = self.start(inputs_embeds, mask, output_attentions, **more)
        all_states, all_weights = [states], []
        for layer in self.get_layers():
            if self.is_recomputing and self.training:
                checkpoint = torch.utils.checkpoint.checkpoint
                layer = partial(checkpoint, layer, use_reentrant=False)
            states, weights = layer(states, *context, output_attentions)
            # Without a gradient, states that nobody asked for are memory for nothing.
            all_states = [*all_states, states] if output_hidden_states else [states]
            all_weights.append(weights)
        self.finish(all_states)
        has_weights = output_attentions and all(w is not None for w in all_weights)
        return BackboneOutput(
            last_hidden_state=all_states[-1],
            hidden_states=tuple(all_states) if output_hidden_states else None,
            attentions=tuple(all_weights) if has_weights else None,
        )
