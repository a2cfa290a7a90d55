// Every vector is read once and written once, neighbours by neighbours.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = 0u; i < TURNS; i++) {
    state[i * groups.x * 64u + id.x] = matrix[i * groups.x * 64u + id.x];
  }
}
