// Y = X + B, row by row of op.n vectors.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < op.n) {
    let i = id.y * op.n + id.x;
    state[op.at[0].z / 4u + i] = state[op.x / 4u + i] + vectors[op.at[0].y / 4u + id.x];
  }
}
