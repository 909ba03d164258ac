-- Helper views of the predictions, over the typed views (facts_...). Each exposes what the engine needs of a row:
-- source, id, title, urls, occurred_on, occurred_until, reported_at, known_from, known_until, the input's name, and
-- `also`: further events that the row is made of.

-- What one event says about a lab and a designer of chips: is there supply or co-design, who takes a stake in whom?
-- Null is "nobody has said". Organisations that the registry does not know come in by their role.
CREATE OR REPLACE VIEW lab_designer_parts AS
WITH sides AS (
    SELECT
        d.source, d.id, o.name, o.role,
        coalesce(org.id, o.name) AS org,
        coalesce(known.root, org.parent, org.id, o.name) AS parent,
        known.is_lab, known.designs_accelerators, known.archetype, coalesce(known.region, org.region) AS region
    FROM (
        SELECT source, id, orgs, unnest(parties) AS o FROM facts_deal
        UNION ALL
        SELECT source, id, orgs, {'name': company, 'role': 'company'} FROM facts_funding
        UNION ALL
        SELECT source, id, orgs, {'name': unnest(list_distinct(list_append(investors, "lead"))), 'role': 'holder'}
        FROM facts_funding
    ) AS d
    LEFT JOIN LATERAL (SELECT list_filter(d.orgs, lambda x: x.name = d.o.name)[1] AS org) ON TRUE
    LEFT JOIN ref_organisations AS known ON known.id = org.id
    WHERE o.name IS NOT NULL
),
pairs AS (
    SELECT DISTINCT
        lab.source, lab.id,
        lab.parent AS lab, lab.org AS lab_org, lab.is_lab AS is_lab, lab.region AS lab_region,
        designer.parent AS designer_parent, designer.org AS designer,
        designer.designs_accelerators AS designs_accelerators, designer.archetype AS designer_archetype,
        lab.role = 'company' AS lab_is_company
    FROM sides AS lab
    JOIN sides AS designer ON designer.source = lab.source AND designer.id = lab.id AND designer.org <> lab.org
    WHERE (lab.is_lab OR (lab.is_lab IS NULL AND lab.role = 'lab'))
      AND (designer.designs_accelerators OR designer.role IN ('designer', 'supplier'))
      AND NOT (lab.role = 'holder' AND designer.role = 'holder')
),
happenings AS (
    SELECT
        source, id, title, urls, status, occurred_on, occurred_until, reported_at, known_from, known_until,
        input_topic, input_partition, input_offset, orgs, kind, equity, FALSE AS is_funding
    FROM facts_deal
    UNION ALL
    SELECT
        source, id, title, urls, status, occurred_on, occurred_until, reported_at, known_from, known_until,
        input_topic, input_partition, input_offset, orgs, NULL, NULL, TRUE
    FROM facts_funding
),
named AS (
    SELECT
        h.*, p.* EXCLUDE (source, id),
        -- Stakes name their parties as written: all spellings in this event that mean the lab's, the designer's parent.
        list_transform(list_filter(h.orgs, lambda x: coalesce(x.parent, x.id, x.name) = p.lab), lambda x: x.name)
            AS lab_names,
        list_transform(
            list_filter(h.orgs, lambda x: coalesce(x.parent, x.id, x.name) = p.designer_parent), lambda x: x.name
        ) AS designer_names
    FROM happenings AS h
    JOIN pairs AS p ON p.source = h.source AND p.id = h.id
)
SELECT
    * EXCLUDE (orgs, equity, lab_names, designer_names, lab_is_company, is_funding),
    status IN ('announced', 'signed', 'closed') AS firm,
    CASE
        WHEN kind IN ('compute supply', 'chip supply', 'chip co-design') THEN TRUE
        -- A stake, a cloud contract or a licence may come with the designer's chips: this alone does not say.
        WHEN is_funding OR kind IN ('equity partnership', 'cloud', 'licence', 'other') THEN NULL
        ELSE FALSE
    END AS supply,
    CASE
        WHEN is_funding THEN NOT lab_is_company
        WHEN equity IS NOT NULL THEN len(list_filter(
            equity, lambda e: list_contains(lab_names, e.holder) AND list_contains(designer_names, e.issuer))) > 0
    END AS lab_holds,
    CASE
        WHEN is_funding THEN lab_is_company
        WHEN equity IS NOT NULL THEN len(list_filter(
            equity, lambda e: list_contains(designer_names, e.holder) AND list_contains(lab_names, e.issuer))) > 0
    END AS designer_holds
FROM named;

-- Stories: one event that says it all, or two of the same parties within 30 days of which one brings the supply and
-- the other the stake. A story is dated by its first event and known from its second. An event that has both parts is
-- a story of its own: an earlier one without a stake does not move it back in time.
CREATE OR REPLACE VIEW lab_designer_stories AS
WITH parts AS MATERIALIZED (
    SELECT *, (known_from, input_topic, input_partition, input_offset) AS became_known FROM lab_designer_parts
),
couples AS (
    SELECT
        a AS supplying, b AS holding,
        -- The one that became known last completes the story, and names the row.
        CASE WHEN a.became_known > b.became_known THEN a ELSE b END AS last,
        CASE WHEN a.became_known > b.became_known THEN b ELSE a END AS first
    FROM parts AS a
    JOIN parts AS b ON a.lab = b.lab AND a.designer_parent = b.designer_parent
        AND (a.source, a.id) <> (b.source, b.id)
    WHERE a.supply AND (b.lab_holds OR b.designer_holds)
      AND NOT coalesce(a.lab_holds OR a.designer_holds, FALSE) AND NOT coalesce(b.supply, FALSE)
      -- Surely or possibly within 30 days: dates may be as vague as a month.
      AND date_diff('day', a.occurred_until, b.occurred_on) <= 30
      AND date_diff('day', b.occurred_until, a.occurred_on) <= 30
)
SELECT
    source, id, title, urls, occurred_on, occurred_until, reported_at, known_from, known_until,
    input_topic, input_partition, input_offset, CAST([] AS STRUCT(source VARCHAR, id VARCHAR)[]) AS also,
    lab, lab_org, is_lab, lab_region, designer, designer_parent, designs_accelerators, designer_archetype,
    firm, supply, lab_holds, designer_holds, TRUE AS same_story
FROM parts
UNION ALL
SELECT
    last.source, last.id, last.title, last.urls,
    least(first.occurred_on, last.occurred_on), least(first.occurred_until, last.occurred_until),
    greatest(first.reported_at, last.reported_at), last.known_from, least(first.known_until, last.known_until),
    last.input_topic, last.input_partition, last.input_offset, [{'source': first.source, 'id': first.id}],
    supplying.lab, supplying.lab_org, supplying.is_lab, supplying.lab_region,
    supplying.designer, supplying.designer_parent, supplying.designs_accelerators, supplying.designer_archetype,
    supplying.firm AND holding.firm, TRUE, holding.lab_holds, holding.designer_holds,
    CASE
        WHEN date_diff('day', first.occurred_on, last.occurred_until) <= 30
         AND date_diff('day', last.occurred_on, first.occurred_until) <= 30 THEN TRUE
    END
FROM couples;

-- Stories with the standing of the lab on the day: true, false or unknown. At the frontier is who, on Epoch's
-- capabilities index until that day, is within 15 points of the best of all (within one edition of the index), or
-- trained a model of 5e25 FLOP or more in the two years before.
CREATE OR REPLACE VIEW frontier_stories AS
WITH stories AS MATERIALIZED (SELECT * FROM lab_designer_stories),
days AS (SELECT DISTINCT lab, occurred_on AS day FROM stories),
scores AS (
    SELECT
        coalesce(list_filter(orgs, lambda x: x.name = developer)[1].parent, developer) AS lab,
        coalesce(benchmark_version, '') AS edition, score, occurred_on
    FROM facts_benchmark
    WHERE known_until IS NULL AND benchmark ILIKE 'epoch capabilities index%'
),
trained AS (
    SELECT coalesce(list_filter(orgs, lambda x: x.name = developer)[1].parent, developer) AS lab, occurred_on
    FROM facts_model_release
    WHERE known_until IS NULL AND training_compute_flop >= 5e25
),
editions AS (
    SELECT d.lab, d.day, s.edition, max(s.score) FILTER (s.lab = d.lab) >= max(s.score) - 15 AS near_best
    FROM days AS d
    JOIN scores AS s ON s.occurred_on <= d.day
    GROUP BY ALL
),
indexed AS (SELECT lab, day, bool_or(near_best) AS near_best FROM editions GROUP BY ALL),
computed AS (
    SELECT DISTINCT d.lab, d.day, TRUE AS large
    FROM days AS d
    JOIN trained AS t ON t.lab = d.lab AND t.occurred_on BETWEEN d.day - INTERVAL 24 MONTH AND d.day
)
SELECT s.*, coalesce(c.large, i.near_best) AS frontier
FROM stories AS s
LEFT JOIN indexed AS i ON i.lab = s.lab AND i.day = s.occurred_on
LEFT JOIN computed AS c ON c.lab = s.lab AND c.day = s.occurred_on;

-- Prices of whole companies, from rounds and from takeovers. `category` is what events say about the business.
CREATE OR REPLACE VIEW company_prices AS
SELECT
    source, id, title, urls, occurred_on, occurred_until, reported_at, known_from, known_until,
    input_topic, input_partition, input_offset, CAST([] AS STRUCT(source VARCHAR, id VARCHAR)[]) AS also,
    status IN ('announced', 'signed', 'closed') AS firm,
    coalesce(list_filter(orgs, lambda x: x.name = company)[1].id, company) AS company,
    valuation_usd AS price_usd, 'round' AS via, lower(concat_ws(' ', sector, vertical)) AS category
FROM facts_funding
UNION ALL
SELECT
    source, id, title, urls, occurred_on, occurred_until, reported_at, known_from, known_until,
    input_topic, input_partition, input_offset, CAST([] AS STRUCT(source VARCHAR, id VARCHAR)[]),
    status IN ('announced', 'signed', 'closed'),
    coalesce(list_filter(orgs, lambda x: x.name = target.name)[1].id, target.name),
    coalesce(valuation_usd, amount_usd), 'acquisition', lower(concat_ws(' ', purpose, vertical))
FROM (SELECT *, list_filter(parties, lambda p: p.role = 'target')[1] AS target FROM facts_deal)
WHERE kind = 'acquisition' AND target IS NOT NULL;

CREATE OR REPLACE VIEW deal_reports AS
-- Reports with the story that they tell of, so that a criterion counts one happening once: `of: story`, or, for a sum,
-- `per: story` (the newest report of each). An event that the grouping does not know is a story of its own.
SELECT
    f.*, CAST([] AS STRUCT(source VARCHAR, id VARCHAR)[]) AS also,
    coalesce(s.story, f.source || '#' || f.id) AS story
FROM facts_deal AS f
LEFT JOIN story_events AS s ON s.event_hash = f.event_hash;

CREATE OR REPLACE VIEW funding_reports AS
SELECT
    f.*, CAST([] AS STRUCT(source VARCHAR, id VARCHAR)[]) AS also,
    coalesce(s.story, f.source || '#' || f.id) AS story
FROM facts_funding AS f
LEFT JOIN story_events AS s ON s.event_hash = f.event_hash;
