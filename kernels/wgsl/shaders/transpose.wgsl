// Y's columns from position run.pos + MEMORY on are the rows of X. An invocation
// writes what lies in one vector of memory.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let start = run.pos + MEMORY;
  let col = (start / 4u + id.y) * 4u;
  if (id.x >= N || col >= start + run.rows) {
    return;
  }
  let i = op.at[0].z / 4u + id.x * SPAN4 + col / 4u;
  for (var j = max(col, start); j < min(col + 4u, start + run.rows); j++) {
    state[i][j % 4u] = state[op.x / 4u + ((j - start) * N + id.x) / 4u][id.x % 4u];
  }
}
