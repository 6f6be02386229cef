"""GLM's calls: `f`, and for each argument `<arg_key>a</arg_key><arg_value>1</arg_value>`. Values tell no types."""

import re

from verl_reflect.tasks.calls.call import Call, NotCalls
from verl_reflect.tasks.calls.dialects.dialect import NAME, Read
from verl_reflect.tasks.calls.dialects.function_tags import without_twins
from verl_reflect.tasks.calls.untyped import Untyped

_NAMED = re.compile(rf"\s*{NAME}\s*(?=<arg_key>|</tool_call>)")
_KEY = re.compile(r"<arg_key>(?P<key>[^<>]{1,256})</arg_key>\s*<arg_value>")
_END = re.compile(r"</arg_value>\s*(?=<arg_key>|</tool_call>)")


def argument_tags(text: str, position: int) -> Read:
    named = _NAMED.match(text, position)
    if not named:
        return [], position
    position, pairs = named.end(), []
    while key := _KEY.match(text, position):
        end = _END.search(text, key.end())
        if not end:
            raise NotCalls("an argument without its end")
        pairs.append((key["key"].strip(), Untyped(text[key.end() : end.start()])))
        position = end.end()
    return [Call(named["name"], without_twins(list(pairs)))], position
