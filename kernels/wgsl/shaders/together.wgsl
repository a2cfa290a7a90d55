// As in alone, but each of GATHER neighbours learns their sum, or their maximum. They are
// neighbours in a subgroup: WGSL does not say how subgroups lie in a workgroup, so an
// invocation's index is counted along them. All must be full.
struct Place {
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) lane: u32,
}
fn index_of(place: Place) -> u32 { return place.subgroup * place.size + place.lane; }
fn gather_sum(x: f32) -> f32 {
  var sum = x;
  for (var half = GATHER / 2u; half > 0u; half /= 2u) {
    sum += subgroupShuffleXor(sum, half);
  }
  return sum;
}
fn gather_sums(x: vec4<f32>) -> vec4<f32> {
  var sum = x;
  for (var half = GATHER / 2u; half > 0u; half /= 2u) {
    sum += subgroupShuffleXor(sum, half);
  }
  return sum;
}
fn gather_max(x: f32) -> f32 {
  var top = x;
  for (var half = GATHER / 2u; half > 0u; half /= 2u) {
    top = max(top, subgroupShuffleXor(top, half));
  }
  return top;
}
