"""Stop words: function words that say nothing about what a text is about. English and Korean."""

_ENGLISH = """
    a an the this that these those some any each every either neither both all another other such same own
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves one ones who whom whose which what whatever whoever
    and or but nor so yet if then else than because since as while although though unless until whereas whether
    of in on at by for with without within about against between among into onto through throughout during before
    after above below over under from to up down out off near toward towards upon across along behind beside beyond
    via per versus
    am is are was were be been being do does did doing done have has had having can could may might must shall should
    will would ought cannot
    not no never none only just also too very much many more most less least few little several enough quite rather
    almost even still already again ever often always sometimes usually once here there where when why how now
    thus hence therefore however moreover furthermore otherwise instead indeed perhaps maybe
    isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't
    i'm you're he's she's it's we're they're i've you've we've they've i'd you'd we'd they'd i'll you'll we'll
    they'll that's there's what's let's
"""

_KOREAN = """
    그 이 저 그것 이것 저것 것 수 등 및 더 또 또는 및 즉 곧 다시 매우 아주 너무 가장 모두 모든 각 각각 여러 다른 같은
    그리고 그러나 하지만 그런데 그래서 그러므로 따라서 또한 한편 게다가 다만 만약 만일 비록 물론 결국 특히 이미 아직
    나 너 저희 우리 그들 이들 그녀 누구 무엇 어디 언제 어떻게 왜 어떤 어느 이런 그런 저런 이러한 그러한 이렇게 그렇게
    때 때문 동안 후 뒤 전 중 위 위해 위한 대해 대한 통해 통한 따라 의해 의한 관해 관한 함께 바로 약 거의 조금 많이 잘
    안 못 있다 없다 하다 되다 이다 아니다 있는 없는 하는 되는 있고 없고 있어 있었다 없었다 있습니다 없습니다 않다 않는
    않았다 않습니다 것이다 것은 것을 것이 것도 수도 수는 수가
"""

ENGLISH = frozenset(_ENGLISH.split())
KOREAN = frozenset(_KOREAN.split())
