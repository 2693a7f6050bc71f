#version 330 core
// Colour from raw values: moving range, scale, palette or the difference uploads nothing.
uniform sampler2DArray values;    // tiles of the picture, one float a cell
uniform sampler2DArray baseline;  // what is subtracted when `difference` is set
uniform sampler2D palettes;       // a row per palette
uniform sampler2DArray row_values;  // what each row is divided by when `per_row` is set
uniform ivec2 row_size;
uniform ivec2 row_tile;
uniform ivec2 row_place;          // row i is divided by value (i + x) / y
uniform bool per_row;
uniform int left_out;             // so many of the first columns are not drawn
uniform ivec2 size;               // columns, rows of `values`
uniform ivec2 tile;               // columns, rows of one of its tiles
uniform ivec2 baseline_size;
uniform ivec2 baseline_tile;
uniform vec4 view;                // cells shown: left, top, right, bottom
uniform vec4 rect;                // pixels covered: left, bottom, width, height
uniform vec2 range;               // value of the first and of the last colour
uniform int palette;
uniform bool logarithmic;
uniform bool difference;
uniform int causal;               // key j is hidden from row i when j > i + causal; < 0: nothing is hidden
out vec4 color;

const int max_samples = 32;  // per direction and pixel; exact up to 32 cells a pixel

float fetch(sampler2DArray source, ivec2 extent, ivec2 tile_size, ivec2 cell) {
  if (any(greaterThanEqual(cell, extent))) return 0.0;  // the shorter of two runs: no attention there
  ivec2 t = cell / tile_size;
  int tiles_across = (extent.x + tile_size.x - 1) / tile_size.x;
  return texelFetch(source, ivec3(cell - t * tile_size, t.y * tiles_across + t.x), 0).r;
}

float value_at(ivec2 cell) {
  float v = fetch(values, size, tile, cell);
  if (difference) v -= fetch(baseline, baseline_size, baseline_tile, cell);
  if (per_row) {
    ivec2 row = ivec2(0, (cell.y + row_place.x) / row_place.y);
    v /= max(fetch(row_values, row_size, row_tile, row), 1e-30);
  }
  return v;
}

// Position on the palette, 0 to 1.
float position(float v) {
  if (difference) {
    float magnitude = abs(v) / range.y;
    if (logarithmic) magnitude = log(max(abs(v), range.x) / range.x) / log(range.y / range.x);
    return 0.5 + 0.5 * sign(v) * clamp(magnitude, 0.0, 1.0);
  }
  if (logarithmic) return clamp(log(max(v, range.x) / range.x) / log(range.y / range.x), 0.0, 1.0);
  return clamp((v - range.x) / (range.y - range.x), 0.0, 1.0);
}

void main() {
  vec2 p = (gl_FragCoord.xy - rect.xy) / rect.zw;
  p.y = 1.0 - p.y;
  vec2 cells_per_pixel = (view.zw - view.xy) / rect.zw;
  vec2 center = mix(view.xy, view.zw, p);
  vec2 reach = max(cells_per_pixel - 1.0, 0.0) * 0.5;
  ivec2 first = max(ivec2(floor(center - reach)), ivec2(left_out, 0));
  ivec2 last = min(ivec2(floor(center + reach)), size - 1);
  if (any(greaterThan(first, last))) discard;

  // Zoomed out, a pixel shows the strongest of its cells: single bright columns must not vanish.
  ivec2 stride = max((last - first + max_samples) / max_samples, ivec2(1));
  float strongest = 0.0;
  bool seen = false;
  bool unknown = false;
  for (int y = first.y; y <= last.y; y += stride.y) {
    int end = causal >= 0 ? min(last.x, y + causal) : last.x;
    for (int x = first.x; x <= end; x += stride.x) {
      float v = value_at(ivec2(x, y));
      if (isnan(v)) { unknown = true; continue; }
      if (!seen || abs(v) > abs(strongest)) strongest = v;
      seen = true;
    }
  }
  if (!seen) {
    if (!unknown) discard;
    color = vec4(vec3(0.5), 0.25);  // no number here (no gold mark): neither low nor high
    return;
  }
  float at = position(strongest) * float(textureSize(palettes, 0).x - 1);
  int low = int(floor(at));
  vec3 a = texelFetch(palettes, ivec2(low, palette), 0).rgb;
  vec3 b = texelFetch(palettes, ivec2(min(low + 1, textureSize(palettes, 0).x - 1), palette), 0).rgb;
  color = vec4(mix(a, b, at - float(low)), 1.0);
}
