// Where an invocation is in its workgroup, and what it learns from its neighbours without
// the workgroup's memory: nothing.
struct Place { @builtin(local_invocation_index) index: u32 }
fn index_of(place: Place) -> u32 { return place.index; }
fn gather_sum(x: f32) -> f32 { return x; }
fn gather_sums(x: vec4<f32>) -> vec4<f32> { return x; }
fn gather_max(x: f32) -> f32 { return x; }
