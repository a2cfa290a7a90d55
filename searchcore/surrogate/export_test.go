package surrogate

const Designed = designed
