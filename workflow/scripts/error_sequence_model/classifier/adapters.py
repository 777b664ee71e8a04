"""Which weights of a classifier learn: all, the head alone, or low-rank adapters.

An adapter (LoRA, Hu et al. 2022) adds ``alpha / rank * B A x`` to a frozen linear layer
``W x``; A is (rank, in), B is (out, rank) and zero at the start. Adapters exist while a
classifier is trained, in its checkpoints too; then they are merged into W: a finished
model is like any other and needs nothing of what trained it.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from error_sequence_model.backbones import FAMILIES
from error_sequence_model.settings import LoraSettings


class ParameterCounts(NamedTuple):
    """How many weights a classifier has, adapters included, and how many learn."""

    total: int
    trained: int


def apply_tuning(
    model: nn.Module, tuning: str, lora: LoraSettings | None = None
) -> None:
    """Decide what of a new classifier learns beside its head.

    Args:
        model: The classifier; changed in place. Adapters are drawn from torch's global
            generator.
        tuning: "full": the whole backbone; "frozen": nothing, and it stays in eval
            mode; "lora": adapters in the linear layers that its family names.
        lora: Size of the adapters; by default that of `LoraSettings`.
    """
    if tuning == "frozen":
        model.backbone.requires_grad_(False)
    elif tuning == "lora":
        _inject_adapters(model, lora or LoraSettings())


def _inject_adapters(model: nn.Module, lora: LoraSettings) -> None:
    # Imported here: it takes seconds, and few runs need it.
    from peft import LoraConfig, inject_adapter_in_model

    family = FAMILIES[model.backbone.config.model_type]
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(family.lora_targets),
        bias="none",
    )
    inject_adapter_in_model(config, model.backbone)


def merge_adapters(model: nn.Module) -> None:
    """Make a trained classifier like any other: no adapters, nothing frozen.

    Args:
        model: The classifier; changed in place. Its weights have the names that they
            had before `apply_tuning`.
    """
    if hasattr(model.backbone, "peft_config"):
        from peft.tuners.tuners_utils import BaseTunerLayer

        for name, module in list(model.backbone.named_modules()):
            if isinstance(module, BaseTunerLayer):
                module.merge(safe_merge=True)
                model.backbone.set_submodule(name, module.get_base_layer())
        del model.backbone.peft_config
    model.requires_grad_(True)


def count_parameters(model: nn.Module) -> ParameterCounts:
    """Count the weights of a classifier."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return ParameterCounts(
        sum(size for size, _ in sizes), sum(size for size, learns in sizes if learns)
    )
