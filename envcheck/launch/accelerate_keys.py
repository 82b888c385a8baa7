"""
The keys of an accelerate configuration, with the release that has each one first.

Read from `ClusterConfig` and `BaseConfig` of every release from 0.2.0 to 1.15.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from envcheck.launch.notes import Release

_SINCE: Final = {
    "0.2.0": "compute_environment distributed_type fp16 machine_rank main_process_ip "
    "main_process_port "
    "main_training_function num_machines num_processes",
    "0.4.0": "deepspeed_config",
    "0.6.0": "mixed_precision use_cpu",
    "0.7.0": "fsdp_config",
    "0.12.0": "downcast_bf16",
    "0.13.0": "gpu_ids rdzv_backend same_network",
    "0.14.0": "command_file commands megatron_lm_config tpu_name tpu_zone",
    "0.15.0": "dynamo_backend",
    "0.17.0": "dynamo_config tpu_env tpu_use_cluster tpu_use_sudo tpu_vm",
    "0.19.0": "ipex_config",
    "0.22.0": "debug",
    "0.28.0": "mpirun_config",
    "0.29.0": "enable_cpu_affinity",
    "0.34.0": "fp8_config",
    "1.4.0": "tp_config",
    "1.10.0": "parallelism_config",
}
_GONE: Final = {"tp_config": "1.7.0", "ipex_config": "1.13.0"}

FIRST: Final = {name: since for since, names in _SINCE.items() for name in names.split()}
"""By key, in the order in which they came."""

DEEPSPEED: Final = (
    *("deepspeed_config_file", "deepspeed_hostfile", "deepspeed_multinode_launcher"),
    *("deepspeed_inclusion_filter", "deepspeed_exclusion_filter", "deepspeed_moe_layer_cls_names"),
    *("gradient_accumulation_steps", "gradient_clipping", "zero_stage", "zero3_init_flag"),
    *("zero3_save_16bit_model", "offload_optimizer_device", "offload_param_device"),
    *("offload_optimizer_nvme_path", "offload_param_nvme_path"),
)
"""What `deepspeed_config` holds; accelerate takes any other key too, and does nothing with it."""

INLINE: Final = (
    *("gradient_accumulation_steps", "gradient_clipping", "zero_stage", "zero3_save_16bit_model"),
    *("offload_optimizer_device", "offload_param_device"),
    *("offload_optimizer_nvme_path", "offload_param_nvme_path"),
)
"""What a DeepSpeed configuration file says itself, so that accelerate refuses both together."""

_MULTI: Final = ("CPU", "GPU", "NPU", "MLU", "SDAA", "MUSA", "XPU", "HPU", "NEURON")
TYPES: Final = frozenset(
    ["NO", "DEEPSPEED", "FSDP", "XLA", "TPU", "MEGATRON_LM", *(f"MULTI_{each}" for each in _MULTI)]
)

LAUNCHERS: Final = {
    "pdsh": "0.11.0",
    "standard": "0.11.0",
    "openmpi": "0.11.0",
    "mvapich": "0.11.0",
    "mpich": "0.23.0",
    "nossh": "1.6.0",
    "slurm": "1.6.0",
}


def known(name: str, release: Release) -> bool:
    """
    Tell whether a release has a key; where the version isn't known: whether any release has it.
    """
    if name not in FIRST:
        return False
    if release.known is None:
        return True
    return release.since(FIRST[name]) and not release.since(_GONE.get(name, "99"))
