"""The questions, by name. A new one is a row here: the command, the HTTP API and its description follow."""

from collector.questions import agents, alarms, figures
from collector.questions.question import Question

QUESTIONS: dict[str, Question] = {
    question.name: question for question in (*agents.QUESTIONS, *alarms.QUESTIONS, *figures.QUESTIONS)
}
