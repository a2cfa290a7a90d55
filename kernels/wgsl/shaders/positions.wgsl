// Y += the vectors at the rows' positions.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < C4) {
    state[op.at[0].z / 4u + id.y * C4 + id.x] += vectors[op.at[0].y / 4u + (run.pos + id.y) * C4 + id.x];
  }
}
