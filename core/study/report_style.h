// The style sheet of reports: readable on screens in both themes and on paper.
#pragma once

namespace headscope::study {

/// Holds neither '<' nor '&' nor '>', which the document's builder would escape.
inline constexpr const char* report_style = R"(
:root { color-scheme: light dark; --ink: #1c222b; --soft: #566070; --line: #d5dae1; --page: #fff; --shade: #f4f6f8;
  --yes: #11653a; --no: #a3271c; --open: #6a5500; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a3adbb; --line: #39424f; --page: #14181e;
  --shade: #1c222b; --yes: #6fd39b; --no: #ff9385; --open: #e2c65a; } }
body { font: 16px/1.5 Inter, "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--page); margin: 2.5rem auto; max-width: 62rem; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .75rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p, li { max-width: 46rem; }
.lead { font-size: 1.05rem; }
.soft, figcaption, caption { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; margin: .75rem 0 1.25rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; background: var(--shade); }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
caption { text-align: left; padding-bottom: .35rem; }
table.claims { width: 100%; }
table.claims th:nth-child(2) { width: 24%; } table.claims th:nth-child(3) { width: 34%; }
table.claims th:nth-child(4) { width: 28%; }
table.claims td.rule { color: var(--soft); font-size: .8rem; }
table.facts td { overflow-wrap: anywhere; text-align: left; white-space: normal; }
.yes, .no, .open { font-weight: 600; white-space: nowrap; }
.yes { color: var(--yes); } .no { color: var(--no); } .open { color: var(--open); }
figure { margin: 1rem 0; }
figure svg { max-width: 100%; height: auto; }
svg.dark { display: none; }
@media (prefers-color-scheme: dark) { svg.dark { display: inline; } svg.light { display: none; } }
code { font-family: "DejaVu Sans Mono", monospace; font-size: .85em; overflow-wrap: anywhere; }
@page { size: A4; margin: 14mm; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --page: #fff; --shade: #f2f2f2;
  --yes: #11653a; --no: #a3271c; --open: #6a5500; }
  svg.light { display: inline; } svg.dark { display: none; }
  body { margin: 0; max-width: none; font-size: 9.5pt; } table { font-size: 7.5pt; }
  table.claims td.rule { font-size: 7pt; } td .soft { font-size: 7pt; } h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; } .scroll { overflow: visible; } }
)";

}  // namespace headscope::study
