"""Networks of the sizes that papers publish, through RTL: what they are, how they are drawn, what is measured."""
