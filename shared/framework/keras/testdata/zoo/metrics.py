K = keras.metrics
model = keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=[
    K.AUC(), K.AUC(curve="PR", name="pr"), K.Precision(), K.Recall(), K.BinaryAccuracy(), K.TruePositives(),
    K.FalseNegatives(), K.PrecisionAtRecall(0.5), K.SensitivityAtSpecificity(0.5), K.BinaryIoU(), K.MeanIoU(2, name="iou")])
