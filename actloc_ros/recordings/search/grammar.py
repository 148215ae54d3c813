"""Hold the grammar of queries; doc/recordings.md explains it."""

GRAMMAR = r"""
?start: either
?either: both | either "or"i both           -> either
?both: pair | both "and"i pair              -> both
?pair: order | pair "with"i order           -> together
             | pair "to"i order             -> together
             | pair "while"i order          -> meanwhile
?order: step | order THEN limit? step limit? -> order
?step: "not"i step                          -> negate
     | term
?term: thing | term condition               -> both
             | term "not"i condition        -> both_not
?thing: what
      | ACTOR what                          -> by_actor
      | ACTOR                               -> actor
      | NOBODY phrase? (zone | score)*      -> nobody
      | condition
      | "(" either ")"
?what: phrase                               -> action
     | ANYTHING                             -> anything
     | SOMEBODY                             -> somebody
phrase: (WORD | STRING)+

?condition: zone | score | named | track | lasting | time
zone: "in"i "zone"i? name | "zone"i name
named: ("on"i | "by"i | "in"i)? KIND name
track: "of"i? "track"i INT
score: "score"i comparison number
lasting: "for"i duration                    -> at_least
       | "longer"i "than"i duration         -> longer
       | "shorter"i "than"i duration        -> shorter
       | "lasting"i comparison? duration    -> compared
       | "duration"i comparison duration    -> compared
time: "between"i moment "and"i moment       -> between
    | "from"i moment "until"i moment        -> between
    | "after"i moment                       -> after
    | "since"i moment                       -> since
    | "before"i moment                      -> before
    | "until"i moment                       -> until
    | "on"i DATE                            -> on_date
    | "at"i PART_OF_DAY                     -> part_of_day
    | "in"i "the"i PART_OF_DAY              -> part_of_day
moment: DATE_TIME | DATE | CLOCK | duration
limit: "within"i duration
comparison: COMPARISON | "at"i "least"i -> least | "at"i "most"i -> most
duration: number UNIT | number
number: FLOAT | INT
name: STRING | (WORD | ACTOR | INT) WORD*

THEN: "then"i
KIND.3: /(camera|recording|model)(?![\w\/'-])/i
NOBODY.3: /(nobody|no one)(?![\w\/'-])/i
SOMEBODY.3: /(somebody|someone|anybody|anyone)(?![\w\/'-])/i
ANYTHING.3: /anything(?![\w\/'-])/i
PART_OF_DAY.3: /(morning|afternoon|evening|night)(?![\w\/'-])/i
COMPARISON: ">=" | "<=" | ">" | "<" | "≥" | "≤"
ACTOR.2: /[A-Z](?![\w\/.*?'-])/
UNIT.2: /(ms|s|sec|seconds?|min|minutes?|h|hours?)(?![\w\/'-])/
DATE_TIME.4: /[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?/
DATE.3: /[0-9]{4}-[0-9]{2}-[0-9]{2}/
CLOCK.3: /[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?/
FLOAT.2: /[0-9]*\.[0-9]+/
INT.1: /[0-9]+/
WORD: /[^\W\d][\w\/.*?'-]*|\/[\w\/.*?'-]+|\*[\w\/.*?'-]*/i
STRING: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/s
%import common.WS
%ignore WS
"""
