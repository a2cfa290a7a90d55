// Y += the vectors at the rows' positions, op.n in a row.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < op.n) {
    state[op.at[0].z / 4u + id.y * op.n + id.x] += vectors[op.at[0].y / 4u + (run.pos + id.y) * op.n + id.x];
  }
}
