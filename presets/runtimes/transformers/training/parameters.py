"""Every parameter of a training configuration but those of ``TrainingArguments``, by section."""

from training.parameter import Parameter, applied, one_of, only
from training.training_arguments import TRAINING_ARGUMENTS

MODEL = {
    "cache_dir": applied("cache_dir", "text"),
    "device_map": applied("device_map", "text"),
    "force_download": applied("force_download", "boolean"),
    "from_tf": only("boolean", (False,), why="transformers 5 reads no weights of TensorFlow"),
    "load_in_4bit": only("boolean", (False,), why="it belongs below QuantizationConfig"),
    "load_in_8bit": only("boolean", (False,), why="it belongs below QuantizationConfig"),
    "local_files_only": applied("local_files_only", "boolean"),
    "output_loading_info": only(
        "boolean", (False,), why="the log names weights that lack or are left over as it is"
    ),
    "pretrained_model_name_or_path": applied("pretrained_model_name_or_path", "text"),
    "proxies": only("text", ("",), why="a proxy is named by the variable HTTPS_PROXY"),
    "resume_download": only("boolean", (False, True), why="downloads are always resumed"),
    "revision": applied("revision", "text"),
    "state_dict": only("object", ({},), why="weights cannot be written in a configuration"),
    "torch_dtype": applied("torch_dtype", "text"),
    "trust_remote_code": applied("trust_remote_code", "boolean"),
}

QUANTIZATION = {
    "bnb_4bit_compute_dtype": one_of("bnb_4bit_compute_dtype", "float32", "float16", "bfloat16"),
    "bnb_4bit_quant_type": one_of("bnb_4bit_quant_type", "fp4", "nf4"),
    "bnb_4bit_use_double_quant": applied("bnb_4bit_use_double_quant", "boolean"),
    "llm_int8_enable_fp32_cpu_offload": applied("llm_int8_enable_fp32_cpu_offload", "boolean"),
    "llm_int8_has_fp16_weight": applied("llm_int8_has_fp16_weight", "boolean"),
    "llm_int8_skip_modules": applied("llm_int8_skip_modules", "list"),
    "llm_int8_threshold": applied("llm_int8_threshold", "number"),
    "load_in_4bit": applied("load_in_4bit", "boolean"),
    "load_in_8bit": applied("load_in_8bit", "boolean"),
    "quant_method": only("text", ("bitsandbytes",), why="weights are quantized with bitsandbytes"),
}

LORA = {
    "alpha_pattern": applied("alpha_pattern", "object"),
    "auto_mapping": only("object", ({},), why="the class of the model is found by itself"),
    "base_model_name_or_path": applied("base_model_name_or_path", "text"),
    "bias": one_of("bias", "none", "all", "lora_only"),
    "fan_in_fan_out": applied("fan_in_fan_out", "boolean"),
    "inference_mode": only("boolean", (False,), why="an adapter in it learns nothing"),
    "init_lora_weights": applied("init_lora_weights", "boolean"),
    "layer_replication": applied("layer_replication", "list"),
    "layers_pattern": applied("layers_pattern", "list"),
    "layers_to_transform": applied("layers_to_transform", "list"),
    "loftq_config": only(
        "object", ({},), why="init_lora_weights, true or false, cannot ask for LoftQ"
    ),
    "lora_alpha": applied("lora_alpha", "integer", low=1),
    "lora_dropout": applied("lora_dropout", "number", low=0, high=1),
    "megatron_config": only("object", ({},), why="the model is not one of Megatron"),
    "megatron_core": only("text", ("megatron.core",), why="the model is not one of Megatron"),
    "modules_to_save": applied("modules_to_save", "list"),
    "peft_type": only("text", ("LORA",), why="the adapter is a LoRA"),
    "r": applied("r", "integer", low=1),
    "rank_pattern": applied("rank_pattern", "object"),
    "revision": applied("revision", "text"),
    "target_modules": applied("target_modules", "list"),
    "task_type": only("text", ("CAUSAL_LM",), why="the model continues texts"),
    "use_dora": applied("use_dora", "boolean"),
    "use_rslora": applied("use_rslora", "boolean"),
}

DATASET = {
    "context_column": applied("context_column", "text"),
    "dataset_extension": one_of("dataset_extension", "arrow", "csv", "json", "jsonl", "parquet"),
    "dataset_path": applied("dataset_path", "text"),
    "messages_column": applied("messages_column", "text"),
    "response_column": applied("response_column", "text"),
    "shuffle_dataset": applied("shuffle_dataset", "boolean"),
    "shuffle_seed": applied("shuffle_seed", "integer", low=0),
    "train_test_split": applied("train_test_split", "number"),
}

COLLATOR = {
    "mlm": applied("mlm", "boolean"),
    "mlm_probability": applied("mlm_probability", "number", low=0, high=1),
    "pad_to_multiple_of": applied("pad_to_multiple_of", "integer", low=1),
    "return_tensors": only("text", ("pt",), why="PyTorch trains"),
    "tf_experimental_compile": only("boolean", (False,), why="transformers 5 has no TensorFlow"),
}

SECTIONS: dict[str, dict[str, Parameter]] = {
    "ModelConfig": MODEL,
    "QuantizationConfig": QUANTIZATION,
    "LoraConfig": LORA,
    "TrainingArguments": TRAINING_ARGUMENTS,
    "DatasetConfig": DATASET,
    "DataCollator": COLLATOR,
}
