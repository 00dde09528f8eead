"""All tables, and how they are run by the hundred connections."""

import time

import cases_close
import cases_deflate
import cases_framing
import cases_messages
import cases_negotiation
import cases_utf8
from engine import Plan

TABLES = (cases_framing, cases_messages, cases_utf8, cases_close,
          cases_deflate, cases_negotiation)

WIDTH = 200                         # connections at once
WEIGHT = 4 << 20                    # bytes at once, but for a single one
SHOWN = 3                           # variants of a failed case


def order(case):
    return [int(n) for n in case.number.split('.')]


def select(prefixes):
    """Cases by number, a number of fewer parts stands for all below."""
    cases = sorted((c for t in TABLES for c in t.CASES), key=order)
    numbers = [c.number for c in cases]
    if len(set(numbers)) != len(numbers):
        raise ValueError('a number is there twice: %s' % sorted(
            {n for n in numbers if numbers.count(n) > 1}))
    return [c for c in cases if not prefixes or any(
        (c.number + '.').startswith(p.rstrip('.') + '.') for p in prefixes)]


class Tap:
    """Prints a line for each case, and what failed below it."""

    def __init__(self, cases):
        self.number = {case: i for i, case in enumerate(cases, 1)}
        self.count = 0

    def case(self, case, variants, wrong):
        print('%sok %d - %s' % ('not ' if wrong else '', self.number[case],
                                case.name))
        self.count += bool(wrong)
        for target, plan, text in wrong[:SHOWN]:
            print('# %s, %s: %s' % (target.name, plan.name, text))
            print('#   sent %s' % short(case.send))
            print('#   came %s' % short(plan.link.got))
        if len(wrong) > SHOWN:
            print('# ... %d of %d variants' % (len(wrong), variants))


def short(data):
    return '%d bytes %s%s' % (len(data), bytes(data[:64]).hex(),
                              '...' if len(data) > 64 else '')


def batches(cases, targets, seed, thin, query=''):
    """yields: target, plans that fit together"""
    for target in targets:
        plans, weight = [], 0
        for case in cases:
            variants = list(case.variants(seed, thin))
            if target.tls and case.cuts != 'none':
                variants.append(('in half a record', False, [case.send]))
            for name, glued, pieces in variants:
                size = len(case.send)
                if plans and (len(plans) == WIDTH or weight + size > WEIGHT):
                    yield target, plans
                    plans, weight = [], 0
                plans.append(Plan(case, name, glued, pieces, query,
                                  split=name == 'in half a record'))
                weight += size
        if plans:
            yield target, plans


def run(runner, targets, cases, seed, thin, report, times=False):
    """report: called with the case, its variants, what was wrong"""
    left = {}
    for target, plans in batches(cases, targets, seed, thin):
        for plan in plans:
            left[plan.case] = left.get(plan.case, 0) + 1
    total, wrong = dict(left), {case: [] for case in cases}
    for target, plans in batches(cases, targets, seed, thin):
        begun = time.monotonic()
        verdicts = runner.run(target, plans)
        if times:
            print('# %.2f s: %s to %s, %d connections'
                  % (time.monotonic() - begun, plans[0].case.number,
                     plans[-1].case.number, len(plans)))
        for plan, text in zip(plans, verdicts):
            if text:
                wrong[plan.case].append((target, plan, text))
            left[plan.case] -= 1
            if not left[plan.case]:
                report(plan.case, total[plan.case], wrong.pop(plan.case))
