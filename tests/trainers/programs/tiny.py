"""A tiny random model and its tokenizer, made on the spot: nothing comes from a hub."""

import string
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
CHAT = """{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}\
{%- if message.role == 'assistant' %}{% generation %}\
{%- if message.reasoning_content %}{{- '<think>' + message.reasoning_content + '</think>' }}\
{%- endif %}{{- message.content + '<|im_end|>\\n' }}{% endgeneration %}\
{%- else %}{{- message.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}\
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""

folder = sys.argv[1]
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
vocabulary = {token: n for n, token in enumerate([*SPECIAL, *letters])}
tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=None))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
wrapped = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer,
    pad_token="<pad>",
    bos_token="<s>",
    eos_token="<|im_end|>",
    additional_special_tokens=["<|im_start|>"],
    chat_template=CHAT,
)
assert wrapped.decode(wrapped.encode(string.printable)) == string.printable
config = LlamaConfig(
    vocab_size=len(wrapped),
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=2048,
    pad_token_id=wrapped.pad_token_id,
    bos_token_id=wrapped.bos_token_id,
    eos_token_id=wrapped.eos_token_id,
)
wrapped.save_pretrained(folder)
LlamaForCausalLM(config).save_pretrained(folder)
