r"""Answers in the shapes of the MATH data set: a gold one, others that mean the same, and others that do not."""

from typing import NamedTuple


class Shape(NamedTuple):
    gold: str
    same: tuple[str, ...]
    other: tuple[str, ...]


SHAPES = [
    # Numbers.
    Shape(
        "42",
        ("42", "42.0", " 42 ", "$42$", "x = 42", r"6 \cdot 7 = 42", "42."),
        ("41", "-42", "420", "42, 43", "4 2", r"6 \cdot 7"),
    ),
    Shape("-3", ("-3", "\N{MINUS SIGN}3"), ("3", r"\pm 3", r"-\frac{6}{2}")),
    Shape("1,250,000", ("1250000", r"1{,}250{,}000", r"1\,250\,000"), ("125000", "1.25")),
    Shape("0.35", (".35", r"\frac{7}{20}", "0.350"), ("0.3", "35", "0.36")),
    Shape(r"\frac{1}{3}", (r"\dfrac{1}{3}", r"\tfrac13", "1/3"), ("0.33", "3", r"\frac{1}{4}", r"\frac{2}{6}")),
    Shape(r"\frac34", (r"\frac{3}{4}", "0.75", "3/4"), (r"\frac43", "0.7")),
    Shape(r"-\frac{5}{8}", ("-5/8", r"\frac{-5}{8}", "-0.625"), (r"\frac58", "-0.62")),
    Shape(r"3\frac{1}{2}", (r"\frac{7}{2}", "3.5", r"3 \frac12"), (r"\frac{3}{2}", "3", r"2\frac{1}{2}")),
    Shape("2.5 \\times 10^{-3}", ("0.0025", r"2.5\cdot 10^{-3}"), ("0.025", "2.5")),
    Shape(r"0.1\overline{6}", (r"\frac16", r"0.1\overline{6}", r"0.1\overline{66}"), (r"0.\overline{16}", "0.16")),
    Shape("2^{10}", ("1024", "2^{10}"), ("1023", "10^2")),
    Shape("2^{2005}", ("2^{2005}", r"2 \cdot 2^{2004}"), ("2^{2004}", "2005^2")),
    Shape("5!", ("120", "5!"), ("24", "5")),
    Shape("1011_2", ("1011_2", "1011_{2}", "1011"), ("1011_3", "1010_2")),
    Shape(r"2516_8", (r"2516_{8}",), ("2516_{10}", "2561_8")),
    # Money, percentages, degrees, units.
    Shape(r"\$18.90", ("18.90", r"\$18.9", "18.9", r"18.90 \text{ dollars}"), ("18", "1890", "19")),
    Shape(r"12\%", ("12", r"12\%", "12%", r"12 \%"), ("0.12", "13", r"1.2\%")),
    Shape("50", (r"50\%", "50"), ("0.5", r"5\%")),
    Shape(r"90^\circ", ("90", r"90^{\circ}", "90\N{DEGREE SIGN}"), ("45", r"9^\circ")),
    Shape(r"12\text{ cm}", ("12", r"12 \text{ cm}", r"12\,\text{cm}"), ("13", "1.2")),
    Shape(r"36\text{ cm}^2", ("36", r"36 \text{ cm}^2"), ("6", "35")),
    Shape("15\\mbox{ cm}^2", ("15",), ("14",)),
    Shape("5.4 \\text{ cents}", ("5.4",), ("5",)),
    # Roots, pi, e, logarithms, trigonometry.
    Shape(r"2\sqrt{3}", (r"2 \sqrt 3", r"\sqrt3 \cdot 2"), (r"3\sqrt{2}", r"\sqrt{6}", "3.46", r"\sqrt{12}")),
    Shape(r"\frac{\sqrt{2}}{2}", (r"\frac{1}{\sqrt{2}}",), (r"\sqrt{2}", r"\frac{\sqrt{3}}{2}", r"\sqrt{\frac12}")),
    Shape(r"\sqrt[3]{2}", ("2^{1/3}", r"2^{\frac13}"), (r"\sqrt{2}", r"3\sqrt{2}")),
    Shape(r"16\pi", (r"16 \pi", r"\pi \cdot 16"), ("16", r"4\pi", "50.27")),
    Shape(r"\frac{\pi}{4}", (r"\pi/4", r"0.25\pi"), (r"\frac{\pi}{2}", "45", "4")),
    Shape("1+\\sqrt{5}", (r"\sqrt5+1",), (r"1-\sqrt{5}", r"1\pm\sqrt{5}")),
    Shape(r"\log_2 3", (r"\log_{2} 3", r"\frac{\ln 3}{\ln 2}"), (r"\log_3 2", r"\frac32")),
    Shape(r"e^2", ("e^{2}",), ("2e", "7.39", r"e \cdot e")),
    Shape(r"\frac{1}{2}\sin 2x", (r"\sin x \cos x", r"\frac{\sin(2x)}{2}"), (r"\sin 2x", r"\frac12\cos 2x")),
    # Complex numbers.
    Shape("6-5i", ("6 - 5i", "-5i+6"), ("6+5i", "5-6i", "6")),
    Shape(r"\frac{3}{5}+\frac{4}{5}i", (r"\frac{3+4i}{5}",), (r"\frac{3-4i}{5}", r"\frac75")),
    # Polynomials and other expressions.
    Shape("x^2+2x+1", ("1+2x+x^2", "2x+x^2+1"), ("(x-1)^2", "x^2+2x", "y^2+2y+1", "(x+1)^2", "x(x+2)+1")),
    Shape("(x-2)(x+3)", ("(x+3)(x-2)", "(2-x)(-x-3)"), ("(x+2)(x-3)", "x-2", "x^2+x-6")),
    Shape(r"\frac{x+2}{7}", (r"\frac{1}{7}x+\frac{2}{7}", "(x+2)/7"), (r"\frac{x-2}{7}", "x+2")),
    Shape("ab", ("ab", "ba", r"a \cdot b"), ("a+b", "a", "a^b")),
    Shape("n", ("n",), ("m", "2n", "1")),
    Shape("p - q", ("p-q", "-q+p"), ("q-p", "p+q")),
    # Points, vectors, matrices.
    Shape(r"\left( 3, \frac{\pi}{2} \right)", (r"(3, \frac{\pi}{2})", r"(3,\pi/2)"), (r"(\frac{\pi}{2}, 3)", "3")),
    Shape("(1,2,3)", ("(1, 2, 3)",), ("(3,2,1)", "(1,2)", "6")),
    Shape("(2,-1)", ("(2, -1)", r"\left(2,-1\right)"), ("(-1,2)", "(2,1)")),
    Shape(
        r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}",
        (r"\begin{pmatrix}1\\-2\end{pmatrix}", r"\begin{bmatrix}1\\-2\end{bmatrix}"),
        (r"\begin{pmatrix}-2\\1\end{pmatrix}", r"\begin{pmatrix}1&-2\end{pmatrix}", "1"),
    ),
    Shape(
        r"\begin{pmatrix} 1/5 & 0 \\ 0 & 2 \end{pmatrix}",
        (r"\begin{pmatrix}\frac15&0\\0&2\end{pmatrix}", r"\begin{pmatrix}0.2&0\\0&2\end{pmatrix}"),
        (r"\begin{pmatrix}5&0\\0&2\end{pmatrix}", r"\begin{pmatrix}0&\frac15\\2&0\end{pmatrix}"),
    ),
    # Intervals, inequalities, sets, lists.
    Shape("[1,2)", ("[1, 2)", r"\left[1,2\right)", r"1 \le x < 2"), ("(1,2]", "[1,2]", "[1,3)", r"1<x<2")),
    Shape(r"(-\infty, 2]", (r"(-\infty,2]", r"x \le 2", r"x \leq 2"), (r"(-\infty,2)", r"[2,\infty)", "x<2")),
    Shape(r"(-\infty,-1)\cup(3,\infty)", (r"(3,\infty) \cup (-\infty,-1)",), (r"(-1,3)", r"(-\infty,3)")),
    Shape("x < -1", ("x<-1", "-1 > x"), ("x > -1", r"x \le -1", "-1")),
    Shape(r"-2 \le x \le 5", (r"-2\leq x\leq 5", "[-2,5]"), (r"-2<x<5", "[-2,6]")),
    Shape(r"\{1, 2, 3\}", (r"\{3,1,2\}", "1,2,3"), (r"\{1,2\}", r"\{1,2,3,4\}", "6")),
    Shape("1, -2", ("-2, 1", r"1 \text{ and } -2", r"x=1 \text{ or } x=-2", r"\{1,-2\}"), ("1", "-2", "1,2", "1,-2,3")),
    Shape(r"\pm 3", ("3,-3", "-3, 3"), ("3", "-3")),
    Shape(r"\emptyset", (r"\emptyset",), ("0", r"\{0\}", "1")),
    Shape(r"\infty", (r"\infty",), (r"-\infty", "0", "10")),
    # Equations.
    Shape("x=5", ("5", "x = 5", "5 = x"), ("y=5", "x=4", "4")),
    Shape("y = 2x + 3", ("y=2x+3", "y=3+2x", "y-3=2x"), ("y=2x-3", "y=3x+2", "3", "x=2y+3")),
    Shape("x^2+y^2=4", (r"x^2 + y^2 = 4", "y^2+x^2=4"), ("x^2+y^2=2", "x^2-y^2=4", "4")),
    Shape("x^2+1=0", ("x^2+1=0",), ("x^2+2=0", "0=1", "0")),
    # Words, choices, times and ratios.
    Shape(r"\text{Evelyn}", ("Evelyn", r"\text{Evelyn}", r"\textbf{evelyn}"), ("Evely", r"\text{Bob}", "Evelyn, Bob")),
    Shape(r"\text{even}", ("even", r"\text{Even}"), ("odd", r"\text{neither}", "neven")),
    Shape(r"\text{east}", ("east",), (r"\text{west}", "")),
    Shape(r"\text{(C)}", ("C", "(C)", r"\text{C}", r"\textbf{(C)}"), ("B", "CC", r"\text{(C) or (D)}")),
    Shape("A,C", ("A, C", "C,A"), ("A", "A,B", "A,B,C")),
    Shape(r"\text{Monday, Tuesday}", (r"\text{Monday,Tuesday}",), (r"\text{Monday}",)),
    Shape("10:30", ("10{:}30", "10:30"), ("1:3", "10:31", r"\frac13")),
    Shape("3:2", ("3 : 2",), ("2:3", "3.2")),
    Shape(r"\text{undefined}", ("undefined",), ("0", r"\frac{1}{0}", r"\infty")),
]
