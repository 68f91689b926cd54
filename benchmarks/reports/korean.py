"""Korean words of the generated tables: their headings, and the few cells that are words of ours."""

import re

HEADINGS = {
    "recipe": "레시피",
    "what": "내용",
    "score": "점수",
    "mean": "평균",
    "seeds": "시드",
    "seconds (fastest run)": "초(가장 빠른 실행)",
    "device": "장치",
    "Parzen log-likelihood, nats": "Parzen 로그 가능도(nat)",
    "Fréchet distance": "Fréchet 거리",
    "of data to data": "데이터끼리의 거리",
    "class entropy (ln 10 = 2.303)": "클래스 엔트로피(ln 10 = 2.303)",
    "labels obeyed, %": "레이블을 따른 비율(%)",
    "ours": "jaxdl",
    "beside it": "비교",
    "task": "과제",
    "model": "모델",
    "epochs": "에포크",
    "read": "읽은 것",
    "written": "쓴 것",
    "right": "정답",
    "method": "방법",
    "splitter": "문장 분리기",
    "texts right": "맞은 텍스트",
    "F1 of the ends": "문장 끝의 F1",
    "set": "데이터",
    "NDCG above popularity": "인기도보다 높은 NDCG",
    "RMSE of predicted ratings": "예측 평점의 RMSE",
    "workload": "작업",
    "jaxdl, ms per step": "jaxdl, 스텝당 ms",
    "fastest other": "가장 빠른 다른 라이브러리",
    "its ms": "그 ms",
    "jaxdl / other": "jaxdl / 다른 쪽",
    "without jit": "jit 없이",
    "first epoch, s": "첫 에포크(초)",
    "others', s": "다른 쪽(초)",
    "cached, s": "캐시 있음(초)",
    "ms per step, before": "스텝당 ms, 이전",
    "now": "지금",
    "/ other, before": "/ 다른 쪽, 이전",
    "first epoch, s, before": "첫 에포크(초), 이전",
    "what grows": "커지는 것",
    "from": "부터",
    "to": "까지",
    "exponent of time": "시간의 지수",
    "at the end": "마지막 구간",
    "of compilation": "컴파일의 지수",
    "training data": "학습 데이터",
    "own memory at most, MB": "프로세스 자체 메모리 최댓값(MB)",
    "images a second": "초당 이미지",
    "waiting": "기다린 시간",
    "strategy": "방식",
    "devices": "장치 수",
    "state on each": "장치마다 상태",
    "sent by each in a step": "장치마다 스텝당 보내는 양",
    "sent: counted": "보낸 양: 센 값",
    "sent: formula": "보낸 양: 공식",
    "state": "상태",
    "temporary": "임시 메모리",
    "concept": "개념",
    "function": "함수",
    "test": "테스트",
    "recipe or command": "레시피 또는 명령",
    "claim: verdict": "주장: 판정",
}
CELLS = (
    (r"\| not measured yet \|", "| 아직 측정하지 않음 |"),
    (r"\| (\d+) times slower \|", r"| \1배 느림 |"),
    (r"\| ([\d.]+ GB), streamed \|", r"| \1, 스트리밍 |"),
    (r"\| 60,000 images in memory \|", "| 메모리에 있는 이미지 60,000장 |"),
)


def translate(text: str) -> str:
    """A text whose tables have Korean headings; figures, names and records' own words stay.

    >>> print(translate("| recipe | mean |\\n|---|---|\\n| `model` | not measured yet |"))
    | 레시피 | 평균 |
    |---|---|
    | `model` | 아직 측정하지 않음 |
    """
    for pattern, korean in CELLS:
        text = re.sub(pattern, korean, text)
    return re.sub(r"^\|.*\|(?=\n\|---)", _heading, text, flags=re.MULTILINE)


def _heading(line: re.Match[str]) -> str:
    return re.sub(r"(?<=\| )[^|]+(?= \|)", lambda cell: HEADINGS.get(cell[0], cell[0]), line[0])
