// Y = W[token], scaled, zero for tokens that W lacks: op.n rows from token op.extra on.
// op.at[0] has the offset of W, the vectors of a row, the offset of Y and the scale.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= op.at[0].y) {
    return;
  }
  let token = tokens[run.pos + id.y] - i32(op.extra);
  var v = vec4<f32>();
  if (token >= 0 && token < i32(op.n)) {
    v = bitcast<f32>(op.at[0].w) * weight(op.at[0].x / 4u + u32(token) * op.at[0].y + id.x);
  }
  state[op.at[0].z / 4u + id.y * op.at[0].y + id.x] = v;
}
