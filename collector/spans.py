"""The account of every stream as SQL: two views, of one text for every database.

Migrations that shipped have it: it is never edited, only followed. Each range is an edge up where it begins
and an edge down behind its end; a running sum of the edges of each state says what every sequence between two
edges is. What came and was refused is an edge, too: it was sealed.
"""

#: Where everything that was sealed has gone, as ranges. A sequence that is told as several states is the
#: first of them; one that is told as none is missing. `{stored}`: a view of agent, epoch, first, last.
ACCOUNT_SPAN = """
CREATE VIEW account_span AS
WITH told (agent, epoch, state, first, last) AS (
    SELECT agent, epoch, 'stored', first, last FROM {stored}
    UNION ALL SELECT agent, epoch, 'pruned', first, last FROM pruned
    UNION ALL SELECT agent, epoch, 'withheld', first, last FROM withheld
    UNION ALL SELECT agent, epoch, 'dropped', first, last FROM dropped
    UNION ALL SELECT agent, epoch, 'refused', sequence, sequence FROM refused
),
edge (agent, epoch, state, at, step) AS (
    SELECT agent, epoch, state, first, 1 FROM told
    UNION ALL SELECT agent, epoch, state, last + 1, -1 FROM told
),
span (agent, epoch, first, last, stored, pruned, withheld, dropped) AS (
    SELECT agent, epoch, lag(at, 1, CAST(1 AS bigint)) OVER edges, at - 1,
        sum(step) FILTER (WHERE state = 'stored') OVER before,
        sum(step) FILTER (WHERE state = 'pruned') OVER before,
        sum(step) FILTER (WHERE state = 'withheld') OVER before,
        sum(step) FILTER (WHERE state = 'dropped') OVER before
    FROM edge
    WINDOW edges AS (PARTITION BY agent, epoch ORDER BY at),
        before AS (PARTITION BY agent, epoch ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT agent, epoch, first, last,
    CASE WHEN stored > 0 THEN 'stored' WHEN pruned > 0 THEN 'pruned' WHEN withheld > 0 THEN 'withheld'
        WHEN dropped > 0 THEN 'dropped' ELSE 'missing' END AS state
FROM span
WHERE first <= last
"""

#: The same as a row per stream, in batches: sealed = stored + pruned + withheld + dropped + missing.
#: `counted`: how many should be stored, by the sum that is kept; `incidents`: of how many kinds, by which an
#: account is worth nothing.
ACCOUNT = """
CREATE VIEW account AS
SELECT agent, epoch, sealed, stored, pruned, withheld, dropped, missing, counted, incidents,
    missing = 0 AND counted = stored AND incidents = 0 AS balanced
FROM (
    SELECT agent, epoch, CAST(max(last) AS bigint) AS sealed,
        CAST(coalesce(sum(last - first + 1) FILTER (WHERE state = 'stored'), 0) AS bigint) AS stored,
        CAST(coalesce(sum(last - first + 1) FILTER (WHERE state = 'pruned'), 0) AS bigint) AS pruned,
        CAST(coalesce(sum(last - first + 1) FILTER (WHERE state = 'withheld'), 0) AS bigint) AS withheld,
        CAST(coalesce(sum(last - first + 1) FILTER (WHERE state = 'dropped'), 0) AS bigint) AS dropped,
        CAST(coalesce(sum(last - first + 1) FILTER (WHERE state = 'missing'), 0) AS bigint) AS missing,
        coalesce((SELECT batches FROM stream
            WHERE stream.agent = spans.agent AND stream.epoch = spans.epoch), 0) AS counted,
        (SELECT count(*) FROM incident WHERE incident.agent = spans.agent AND incident.epoch = spans.epoch
            AND kind IN ('conflict', 'clone', 'rollback')) AS incidents
    FROM (
        SELECT agent, epoch, first, last, state FROM account_span
        UNION ALL SELECT agent, epoch, 1, 0, 'stored' FROM stream
    ) AS spans
    GROUP BY agent, epoch
) AS sums
"""
