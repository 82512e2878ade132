package onnxgraph

import (
	"slices"
	"strings"
)

// bounds of what the runtime takes (toolchain.ONNXRuntimeVersion); an operator whose
// kernel it lacks it names itself.
const (
	leastIR, mostIR = 3, 13
)

var opsets = map[string]struct{ least, most int64 }{onnx: {7, 26}, ml: {1, 5}}

// operators are all of ONNX (onnx.defs.get_all_schemas_with_history of onnx
// 1.23.2) but those that read files of pictures (ImageDecoder) or make text
// (textual), whose memory no run is held to.
var operators = map[string]map[string]bool{
	onnx: set(`
		Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
		BatchNormalization Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow
		Cast CastLike CausalConvWithState Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence
		Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum
		DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear
		Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm
		GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization
		HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN
		LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual LinearAttention Log LogSoftmax Loop LpNormalization LpPool
		MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod
		Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot
		Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear
		RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal
		ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
		Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND
		Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap
		Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth
		Split SplitToSequence Sqrt Squeeze Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu
		Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor`),
	ml: set(`
		ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder
		LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler
		TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap`),
}

// textual are the operators of ai.onnx that work on text alone.
var textual = set("RegexFullMatch StringConcat StringNormalizer StringSplit")

// Operators are those that are allowed, by DOMAIN:NAME, or NAME of ai.onnx.
func Operators() (names []string) {
	for domain, ops := range operators {
		for op := range ops {
			if domain != onnx {
				op = domain + ":" + op
			}
			names = append(names, op)
		}
	}
	slices.Sort(names)
	return names
}

// bodies are the operators whose attributes hold graphs.
var bodies = set("If Loop Scan SequenceMap")

func set(names string) map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields(names) {
		all[name] = true
	}
	return all
}
