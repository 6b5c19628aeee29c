"""Turn a GGUF file into a folder of safetensors that vLLM's CPU build can serve.

Run by path in the teacher's environment: `python convert_gguf.py FILE.gguf FOLDER`.
"""

import sys
from pathlib import Path

import torch
import transformers

source, target = Path(sys.argv[1]), Path(sys.argv[2])
where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
# Since version 5 a GGUF file stays quantized unless one asks; before, it never did.
asking = getattr(transformers, "GgufConfig", None)
extra = {"quantization_config": asking(dequantize=True)} if asking else {}
model = transformers.AutoModelForCausalLM.from_pretrained(**where, **extra)
model.to(torch.bfloat16).save_pretrained(target)
transformers.AutoTokenizer.from_pretrained(**where).save_pretrained(target)
