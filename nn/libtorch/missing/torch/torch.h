// Found only where libtorch is not: the second line stops the compiler at once.
#error libtorch 2.11.0 is not here yet. Run nn/libtorch/fetch, or set LIBTORCH to one
#include "run nn/libtorch/fetch"
