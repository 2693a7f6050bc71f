#version 330 core
// One rectangle in clip space, made of the vertex number: no buffers.
uniform vec4 clip_rect;  // left, bottom, right, top in clip space

void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4(mix(clip_rect.xy, clip_rect.zw, corner), 0.0, 1.0);
}
