/* Answers one request with a SavedModel, by TensorFlow's C library alone: no Python, no server.
 *
 *   answer FOLDER [--signature NAME] VALUE
 *   answer FOLDER [--signature NAME] INPUT=VALUE ...
 *
 * FOLDER is one version of a model (saved_models/translation/1). A value is a text, numbers with commas between them,
 * or @FILE: the file's bytes as one string, or as raw numbers of the input's type. The request has one row. The answer
 * is printed as one line of JSON: each output by its name, its strings as the model gives them.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { MAX_TENSORS = 32, MAX_RANK = 8 };

typedef struct {
  const unsigned char *at, *end;
} Bytes;

/* What a signature says of one of its inputs or outputs. */
typedef struct {
  char *key; /* the name in requests and answers */
  TF_Output tensor;
  TF_DataType type;
  int rank;
  int64_t sizes[MAX_RANK]; /* -1 where any size goes */
} Info;

typedef struct {
  int count;
  Info infos[MAX_TENSORS];
} Infos;

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static void require_ok(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail("%s: %s", what, TF_Message(status));
}

static void *allocate(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory) fail("not enough memory");
  return memory;
}

static char *text_of(Bytes bytes) {
  size_t length = bytes.end - bytes.at;
  char *text = allocate(length + 1);
  memcpy(text, bytes.at, length);
  text[length] = '\0';
  return text;
}

/* Protocol buffers: a message is a row of fields, each a number (wire types 0, 1 and 5) or bytes (wire type 2). */

static uint64_t read_varint(Bytes *message) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && message->at < message->end; shift += 7) {
    unsigned char byte = *message->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  fail("the model's description is damaged");
  return 0;
}

static bool next_field(Bytes *message, int *field, uint64_t *number, Bytes *bytes) {
  if (message->at == message->end) return false;
  uint64_t tag = read_varint(message), size = 0;
  *field = (int)(tag >> 3);
  *number = 0;
  switch (tag & 7) {
    case 0: *number = read_varint(message); return true;
    case 1: size = 8; break;
    case 2: size = read_varint(message); break;
    case 5: size = 4; break;
    default: fail("the model's description is damaged");
  }
  if (size > (uint64_t)(message->end - message->at)) fail("the model's description is damaged");
  bytes->at = message->at;
  bytes->end = message->at += size;
  return true;
}

/* An entry of a map<string, message>. */
static void read_entry(Bytes entry, Bytes *key, Bytes *value) {
  int field;
  uint64_t number;
  Bytes bytes;
  *key = *value = (Bytes){entry.end, entry.end};
  while (next_field(&entry, &field, &number, &bytes)) {
    if (field == 1) *key = bytes;
    if (field == 2) *value = bytes;
  }
}

static void read_shape(Bytes shape, Info *info) {
  int field;
  uint64_t number;
  Bytes dimension;
  while (next_field(&shape, &field, &number, &dimension)) {
    if (field == 3 && number) fail("%s: a tensor of any rank, which this program cannot handle", info->key);
    if (field != 2) continue;
    if (info->rank == MAX_RANK) fail("%s: more than %d dimensions", info->key, MAX_RANK);
    int64_t size = 0; /* a size of 0 is not written */
    Bytes name;
    while (next_field(&dimension, &field, &number, &name))
      if (field == 1) size = (int64_t)number;
    info->sizes[info->rank++] = size;
  }
}

static TF_Output find_tensor(TF_Graph *graph, char *name) {
  char *colon = strrchr(name, ':');
  int index = colon ? atoi(colon + 1) : 0;
  if (colon) *colon = '\0';
  TF_Operation *operation = TF_GraphOperationByName(graph, name);
  if (!operation) fail("the model has no operation %s", name);
  return (TF_Output){operation, index};
}

/* map<string, TensorInfo>, one entry of it: TensorInfo has name = 1, dtype = 2, tensor_shape = 3. */
static void add_info(Infos *infos, TF_Graph *graph, Bytes entry) {
  if (infos->count == MAX_TENSORS) fail("more than %d tensors in the signature", MAX_TENSORS);
  Info *info = &infos->infos[infos->count++];
  Bytes key, tensor, bytes;
  int field;
  uint64_t number;
  read_entry(entry, &key, &tensor);
  info->key = text_of(key);
  info->rank = 0;
  while (next_field(&tensor, &field, &number, &bytes)) {
    if (field == 2) info->type = (TF_DataType)number;
    if (field == 3) read_shape(bytes, info);
    if (field == 1) {
      char *name = text_of(bytes);
      info->tensor = find_tensor(graph, name);
      free(name);
    }
  }
}

/* MetaGraphDef.signature_def = 5: map<string, SignatureDef>; a SignatureDef has inputs = 1 and outputs = 2. */
static void read_signature(Bytes meta_graph, TF_Graph *graph, const char *wanted, Infos *inputs, Infos *outputs) {
  int field;
  uint64_t number;
  Bytes entry, key, signature, tensor;
  while (next_field(&meta_graph, &field, &number, &entry)) {
    if (field != 5) continue;
    read_entry(entry, &key, &signature);
    char *name = text_of(key);
    bool is_wanted = !strcmp(name, wanted);
    free(name);
    if (!is_wanted) continue;
    while (next_field(&signature, &field, &number, &tensor)) {
      if (field == 1) add_info(inputs, graph, tensor);
      if (field == 2) add_info(outputs, graph, tensor);
    }
    return;
  }
  fail("the model has no signature %s", wanted);
}

static Bytes read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail("%s: %s", path, strerror(errno));
  size_t size = 0, capacity = 1 << 16;
  unsigned char *content = allocate(capacity);
  for (size_t count; (count = fread(content + size, 1, capacity - size, file)) > 0;) {
    size += count;
    if (size == capacity && !(content = realloc(content, capacity *= 2))) fail("%s: not enough memory", path);
  }
  if (ferror(file)) fail("%s: %s", path, strerror(errno));
  fclose(file);
  return (Bytes){content, content + size};
}

static void store(TF_DataType type, void *values, size_t index, double value, const char *input) {
  double limit = type == TF_INT32 ? 2147483648.0 : 9223372036854775808.0;
  if ((type == TF_INT32 || type == TF_INT64) && !(value == floor(value) && value >= -limit && value < limit))
    fail("%s: expected whole numbers of %d bits, got %.9g", input, type == TF_INT32 ? 32 : 64, value);
  switch (type) {
    case TF_FLOAT: ((float *)values)[index] = (float)value; break;
    case TF_DOUBLE: ((double *)values)[index] = value; break;
    case TF_INT32: ((int32_t *)values)[index] = (int32_t)value; break;
    case TF_INT64: ((int64_t *)values)[index] = (int64_t)value; break;
    case TF_BOOL: ((unsigned char *)values)[index] = value != 0; break;
    default: fail("%s: numbers of a type that this program cannot write; give them as @FILE", input);
  }
}

/* Numbers of the input's own type from "1,2,3", in newly allocated memory. */
static Bytes parse_numbers(const Info *info, const char *text) {
  size_t count = 1, size = TF_DataTypeSize(info->type);
  for (const char *at = text; *at; ++at) count += *at == ',';
  unsigned char *values = allocate(count * size);
  for (size_t index = 0; index < count; ++index) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != (index + 1 < count ? ',' : '\0')) fail("%s: expected numbers, got %s", info->key, text);
    store(info->type, values, index, value, info->key);
    text = end + 1;
  }
  return (Bytes){values, values + count * size};
}

/* One row's shape: the second open dimension, if there is one, takes up all values. */
static void resolve_shape(const Info *info, size_t count, int64_t *sizes) {
  int64_t known = 1;
  int open = -1;
  for (int axis = 0; axis < info->rank; ++axis) {
    sizes[axis] = info->sizes[axis] < 0 ? 1 : info->sizes[axis];
    if (info->sizes[axis] < 0 && axis > 0 && open < 0)
      open = axis;
    else
      known *= sizes[axis];
  }
  if (open >= 0 && known > 0) sizes[open] = (int64_t)count / known;
  if (known * (open < 0 ? 1 : sizes[open]) != (int64_t)count) fail("%s: %zu values do not fit its shape", info->key, count);
}

static TF_Tensor *tensor_of(const Info *info, const char *value) {
  bool is_file = value[0] == '@', is_text = info->type == TF_STRING;
  Bytes content = is_file   ? read_file(value + 1)
                  : is_text ? (Bytes){(const unsigned char *)value, (const unsigned char *)value + strlen(value)}
                            : parse_numbers(info, value);
  size_t length = content.end - content.at, size = is_text ? sizeof(TF_TString) : TF_DataTypeSize(info->type);
  if (!size || (!is_text && length % size)) fail("%s: %s holds no whole number of its values", info->key, value);
  size_t count = is_text ? 1 : length / size;
  int64_t sizes[MAX_RANK];
  resolve_shape(info, count, sizes);
  TF_Tensor *tensor = TF_AllocateTensor(info->type, sizes, info->rank, count * size);
  if (is_text) {
    TF_StringInit(TF_TensorData(tensor));
    TF_StringCopy(TF_TensorData(tensor), (const char *)content.at, length);
  } else if (length) {
    memcpy(TF_TensorData(tensor), content.at, length);
  }
  if (is_file || !is_text) free((void *)content.at);
  return tensor;
}

static void read_request(const Infos *inputs, int count, char **arguments, TF_Tensor **values) {
  for (int argument = 0; argument < count; ++argument) {
    const char *text = arguments[argument], *equals = strchr(text, '=');
    int found = -1;
    for (int index = 0; equals && index < inputs->count; ++index) {
      const char *key = inputs->infos[index].key;
      if (strlen(key) == (size_t)(equals - text) && !strncmp(key, text, equals - text)) found = index;
    }
    const char *value = found < 0 ? text : equals + 1;
    if (found < 0 && inputs->count == 1) found = 0;
    if (found < 0) fail("%s: expected INPUT=VALUE with an input of the signature", text);
    if (values[found]) fail("%s: given twice", inputs->infos[found].key);
    values[found] = tensor_of(&inputs->infos[found], value);
  }
  for (int index = 0; index < inputs->count; ++index)
    if (!values[index]) fail("%s: no value for this input of the signature", inputs->infos[index].key);
}

static void print_text(const char *text, size_t length) {
  putchar('"');
  for (size_t index = 0; index < length; ++index) {
    unsigned char byte = (unsigned char)text[index];
    if (byte < 0x20)
      printf("\\u%04x", byte);
    else if (byte == '"' || byte == '\\')
      printf("\\%c", byte);
    else
      putchar(byte);
  }
  putchar('"');
}

static void print_float(double value, int digits) {
  if (isfinite(value))
    printf("%.*g", digits, value);
  else
    fputs(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", stdout);
}

static void print_element(TF_DataType type, const void *data, int64_t index) {
  switch (type) {
    case TF_FLOAT: print_float(((const float *)data)[index], 9); break;
    case TF_DOUBLE: print_float(((const double *)data)[index], 17); break;
    case TF_INT32: printf("%" PRId32, ((const int32_t *)data)[index]); break;
    case TF_INT64: printf("%" PRId64, ((const int64_t *)data)[index]); break;
    case TF_BOOL: fputs(((const unsigned char *)data)[index] ? "true" : "false", stdout); break;
    case TF_STRING: {
      const TF_TString *string = (const TF_TString *)data + index;
      print_text(TF_StringGetDataPointer(string), TF_StringGetSize(string));
      break;
    }
    default: fail("an output of type %d, which this program cannot print", (int)type);
  }
}

static void print_values(const TF_Tensor *tensor, int axis, int64_t *index) {
  if (axis == TF_NumDims(tensor)) {
    print_element(TF_TensorType(tensor), TF_TensorData(tensor), (*index)++);
    return;
  }
  putchar('[');
  for (int64_t place = 0; place < TF_Dim(tensor, axis); ++place) {
    if (place) fputs(", ", stdout);
    print_values(tensor, axis + 1, index);
  }
  putchar(']');
}

static void print_answer(const Infos *outputs, TF_Tensor **results) {
  putchar('{');
  for (int output = 0; output < outputs->count; ++output) {
    int64_t index = 0;
    if (output) fputs(", ", stdout);
    print_text(outputs->infos[output].key, strlen(outputs->infos[output].key));
    fputs(": ", stdout);
    print_values(results[output], 0, &index);
  }
  puts("}");
}

static void places_of(const Infos *infos, TF_Output *tensors) {
  for (int index = 0; index < infos->count; ++index) tensors[index] = infos->infos[index].tensor;
}

static void release(Infos *infos, TF_Tensor **tensors) {
  for (int index = 0; index < infos->count; ++index) {
    TF_DeleteTensor(tensors[index]);
    free(infos->infos[index].key);
  }
}

int main(int count, char **arguments) {
  const char *signature = "serving_default";
  int first = 2;
  if (count > 3 && !strcmp(arguments[2], "--signature")) {
    signature = arguments[3];
    first = 4;
  }
  if (count <= first) {
    fprintf(stderr, "usage: %s FOLDER [--signature NAME] VALUE | INPUT=VALUE ...\n", arguments[0]);
    return 2;
  }
  TF_Status *status = TF_NewStatus();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Graph *graph = TF_NewGraph();
  TF_Buffer *meta_graph = TF_NewBuffer();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, arguments[1], tags, 1, graph, meta_graph, status);
  require_ok(status, arguments[1]);

  const unsigned char *described = meta_graph->data;
  static Infos inputs, outputs;
  read_signature((Bytes){described, described + meta_graph->length}, graph, signature, &inputs, &outputs);
  TF_Tensor *values[MAX_TENSORS] = {NULL}, *results[MAX_TENSORS] = {NULL};
  TF_Output feeds[MAX_TENSORS], fetches[MAX_TENSORS];
  read_request(&inputs, count - first, arguments + first, values);
  places_of(&inputs, feeds);
  places_of(&outputs, fetches);
  TF_SessionRun(session, NULL, feeds, values, inputs.count, fetches, results, outputs.count, NULL, 0, NULL, status);
  require_ok(status, signature);
  print_answer(&outputs, results);

  release(&inputs, values);
  release(&outputs, results);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteBuffer(meta_graph);
  TF_DeleteGraph(graph);
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
  return 0;
}
