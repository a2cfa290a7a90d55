// Y's columns from position run.pos + op.at[0].x on are the rows of X, op.n
// wide; op.extra is how many vectors a row of Y has. An invocation
// writes what lies in one vector of memory.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let start = run.pos + op.at[0].x;
  let col = (start / 4u + id.y) * 4u;
  if (id.x >= op.n || col >= start + run.rows) {
    return;
  }
  let i = op.at[0].z / 4u + id.x * op.extra + col / 4u;
  for (var j = max(col, start); j < min(col + 4u, start + run.rows); j++) {
    state[i][j % 4u] = state[op.x / 4u + ((j - start) * op.n + id.x) / 4u][id.x % 4u];
  }
}
