"""Computes the expected results of the calc.* tasks with Python's own numbers.

Reads each case as a JSON line, [OPERATION, ARGUMENTS], from the first file, and writes a line for it to the second:
"integer N", "double BITS" with the bits in hexadecimal, or the code of the failure.

The rule is that of Sources/App/Tasks/Calculation.swift: exact on integers if the result is an integer that Int64 or
UInt64 holds, otherwise in doubles from left to right, which must stay finite.
"""
import functools
import json
import math
import operator
import struct
import sys
from fractions import Fraction

STEPS = {"addition": operator.add, "subtraction": operator.sub, "multiplication": operator.mul,
         "division": operator.truediv}


def main(source, target):
    with open(source, encoding="ascii") as cases, open(target, "w", encoding="ascii") as answers:
        for case in cases:
            answers.write(expected(*json.loads(case)) + "\n")


def expected(operation, arguments):
    if operation == "division" and arguments[1] == 0:
        return "division_by_zero"
    if operation == "square_root" and arguments[0] < 0:
        return "negative_number"
    if all(isinstance(argument, int) for argument in arguments):
        exact = exact_root(arguments[0]) if operation == "square_root" else exact_result(operation, arguments)
        if exact is not None and -2**63 <= exact < 2**64:
            return f"integer {exact}"
    doubles = [float(argument) for argument in arguments]
    result = math.sqrt(doubles[0]) if operation == "square_root" else functools.reduce(STEPS[operation], doubles)
    return f"double {struct.pack('>d', result).hex()}" if math.isfinite(result) else "out_of_range"


def exact_result(operation, arguments):
    result = functools.reduce(STEPS[operation], map(Fraction, arguments))
    return result.numerator if result.denominator == 1 else None


def exact_root(square):
    root = math.isqrt(square)
    return root if root * root == square else None


main(*sys.argv[1:])
