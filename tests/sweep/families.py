"""One small classifier, or a few, of each family that timm, torchvision and Transformers have."""

from __future__ import annotations

from collections.abc import Callable

import torch
import transformers

TIMM = ["vit_tiny_patch16_224", "vit_small_patch16_224", "vit_small_patch32_224", "vit_base_patch32_clip_224", "vit_base_patch16_siglip_224", "vit_base_patch16_siglip_gap_224", "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3", "vit_medium_patch16_gap_240", "vit_little_patch16_reg4_gap_256", "vit_pwee_patch16_reg1_gap_256", "vit_srelpos_small_patch16_224", "vit_relpos_small_patch16_224", "vit_base_patch16_rpn_224", "vit_small_r26_s32_224", "samvit_base_patch16_224", "flexivit_small", "deit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "deit3_small_patch16_224", "beit_base_patch16_224", "beitv2_base_patch16_224", "eva02_tiny_patch14_224", "eva02_small_patch14_224", "vit_pe_core_tiny_patch16_384", "cait_xxs24_224", "xcit_nano_12_p16_224", "tnt_s_legacy_patch16_224", "volo_d1_224", "crossvit_tiny_240", "visformer_tiny", "coat_tiny", "coat_lite_tiny", "pit_ti_224", "pit_ti_distilled_224", "levit_128s", "levit_conv_128s", "levit_256d", "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swinv2_cr_tiny_224", "swin_s3_tiny_224", "twins_pcpvt_small", "twins_svt_small", "pvt_v2_b0", "mvitv2_tiny", "mvitv2_base_cls", "hiera_tiny_224", "davit_tiny", "nest_tiny", "gcvit_xxtiny", "focalnet_tiny_srf", "maxvit_pico_rw_256", "coatnet_nano_rw_224", "coatnet_rmlp_nano_rw_224", "mobilevit_xxs", "mobilevitv2_050", "efficientformer_l1", "efficientformerv2_s0", "efficientvit_b0", "efficientvit_m0", "edgenext_xx_small", "fastvit_t8", "fastvit_sa12", "repvit_m0_9", "tiny_vit_5m_224", "mixer_s32_224", "gmixer_12_224", "resmlp_12_224", "gmlp_ti16_224", "poolformer_s12", "poolformerv2_s12", "caformer_s18", "convformer_s18", "inception_next_tiny", "nextvit_small", "sequencer2d_s", "shvit_s1", "swiftformer_xs", "starnet_s1", "mambaout_femto", "hgnet_tiny", "hgnetv2_b0", "rdnet_tiny", "resnet18", "resnet26d", "resnet50_gn", "resnetv2_50", "resnetv2_50x1_bit", "seresnet18", "skresnet18", "resnest14d", "res2net50_26w_4s", "ecaresnet26t", "botnet26t_256", "halonet26t", "lambda_resnet26t", "lamhalobotnet50ts_256", "bat_resnext26ts", "gcresnext26ts", "eca_botnext26ts_256", "convnext_atto", "convnextv2_atto", "convnext_atto_ols", "convmixer_768_32", "densenet121", "dla34", "dpn48b", "cspresnet50", "cspdarknet53", "darknetaa53", "vovnet39a", "ese_vovnet19b_dw", "efficientnet_b0", "efficientnet_lite0", "efficientnetv2_rw_t", "mobilenetv2_050", "mobilenetv3_small_050", "mobilenetv4_conv_small", "mobilenetv4_hybrid_medium", "mnasnet_small", "mobileone_s0", "ghostnet_050", "ghostnetv2_100", "tinynet_e", "lcnet_035", "hardcorenas_a", "fbnetc_100", "spnasnet_100", "semnasnet_075", "mixnet_s", "rexnet_100", "regnetx_002", "regnety_002", "repghostnet_050", "repvgg_a0", "nfnet_f0", "dm_nfnet_f0", "eca_nfnet_l0", "nf_resnet26", "selecsls42b", "hrnet_w18_small", "inception_v3", "inception_v4", "inception_resnet_v2", "xception41", "gernet_s", "tresnet_m", "vgg11", "vgg11_bn", "visformer_small", "xcit_tiny_12_p8_224"]

TORCHVISION = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vit_b_16", "vit_b_32", "wide_resnet50_2"]


def transformers_models() -> dict[str, Callable[[], torch.nn.Module]]:
    """Small ones, made from their configurations."""
    t = transformers
    vit = {
        "hidden_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 192,
        "num_labels": 10,
    }
    return {
        "vit": lambda: t.ViTForImageClassification(t.ViTConfig(**vit)),
        "deit": lambda: t.DeiTForImageClassification(t.DeiTConfig(**vit)),
        "deit with teacher": lambda: t.DeiTForImageClassificationWithTeacher(t.DeiTConfig(**vit)),
        "beit": lambda: t.BeitForImageClassification(t.BeitConfig(**vit)),
        "dinov2": lambda: t.Dinov2ForImageClassification(t.Dinov2Config(**vit, image_size=224, patch_size=14)),
        "dinov2 with registers": lambda: t.Dinov2WithRegistersForImageClassification(
            t.Dinov2WithRegistersConfig(**vit, image_size=224, patch_size=14)
        ),
        "siglip": lambda: t.SiglipForImageClassification(
            t.SiglipConfig(vision_config={**vit, "image_size": 224, "patch_size": 16}, num_labels=10)
        ),
        "clip": lambda: t.CLIPForImageClassification(
            t.CLIPConfig(vision_config={**vit, "image_size": 224, "patch_size": 16}, num_labels=10)
        ),
        "swin": lambda: t.SwinForImageClassification(t.SwinConfig(embed_dim=24, depths=[1, 1, 2, 1], num_labels=10)),
        "swinv2": lambda: t.Swinv2ForImageClassification(
            t.Swinv2Config(embed_dim=24, depths=[1, 1, 2, 1], num_labels=10)
        ),
        "convnext": lambda: t.ConvNextForImageClassification(
            t.ConvNextConfig(hidden_sizes=[24, 48, 96, 192], num_labels=10)
        ),
        "convnextv2": lambda: t.ConvNextV2ForImageClassification(
            t.ConvNextV2Config(hidden_sizes=[24, 48, 96, 192], num_labels=10)
        ),
        "resnet": lambda: t.ResNetForImageClassification(
            t.ResNetConfig(hidden_sizes=[32, 64, 96, 128], depths=[1] * 4, num_labels=10)
        ),
        "mobilevit": lambda: t.MobileViTForImageClassification(t.MobileViTConfig(num_labels=10)),
        "mobilevitv2": lambda: t.MobileViTV2ForImageClassification(t.MobileViTV2Config(num_labels=10)),
        "levit": lambda: t.LevitForImageClassification(t.LevitConfig(num_labels=10)),
        "pvt": lambda: t.PvtForImageClassification(t.PvtConfig(num_labels=10)),
        "pvtv2": lambda: t.PvtV2ForImageClassification(t.PvtV2Config(num_labels=10)),
        "poolformer": lambda: t.PoolFormerForImageClassification(t.PoolFormerConfig(num_labels=10)),
        "cvt": lambda: t.CvtForImageClassification(t.CvtConfig(num_labels=10)),
        "segformer": lambda: t.SegformerForImageClassification(t.SegformerConfig(num_labels=10)),
        "focalnet": lambda: t.FocalNetForImageClassification(t.FocalNetConfig(embed_dim=24, num_labels=10)),
        "hiera": lambda: t.HieraForImageClassification(t.HieraConfig(embed_dim=24, depths=[1, 1, 2, 1], num_labels=10)),
        "regnet": lambda: t.RegNetForImageClassification(t.RegNetConfig(num_labels=10)),
        "efficientnet": lambda: t.EfficientNetForImageClassification(
            t.EfficientNetConfig(num_labels=10, image_size=224)
        ),
        "data2vec": lambda: t.Data2VecVisionForImageClassification(t.Data2VecVisionConfig(**vit)),
        "vit msn": lambda: t.ViTMSNForImageClassification(t.ViTMSNConfig(**vit)),
        "ijepa": lambda: t.IJepaForImageClassification(t.IJepaConfig(**vit)),
    }
