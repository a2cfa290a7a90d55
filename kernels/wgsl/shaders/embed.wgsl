// Y = SCALE W[token], zero for tokens that W lacks: op.n rows from token op.extra on.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= C4) {
    return;
  }
  let token = tokens[run.pos + id.y] - i32(op.extra);
  var v = vec4<f32>();
  if (token >= 0 && token < i32(op.n)) {
    v = SCALE * weight(op.at[0].x / 4u + u32(token) * C4 + id.x);
  }
  state[op.at[0].z / 4u + id.y * C4 + id.x] = v;
}
