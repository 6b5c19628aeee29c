"""Turn a GGUF file into a folder of safetensors that vLLM's CPU build can serve.

Run by path in the teacher's environment: `python convert_gguf.py FILE.gguf FOLDER`.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

source, target = Path(sys.argv[1]), Path(sys.argv[2])
where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
model = AutoModelForCausalLM.from_pretrained(
    **where, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
)
tokenizer = AutoTokenizer.from_pretrained(**where)
model.save_pretrained(target)
tokenizer.save_pretrained(target)
